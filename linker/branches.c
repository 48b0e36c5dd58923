/* SPDX-License-Identifier: MIT */
/*
 * Prepares code for packing (guest/lib/branches.h): from standard input to
 * standard output. Part of the build.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/branches.h"

#define MAX_BYTES (1u << 20)

static void turn(uint8_t *code, size_t bytes)
{
	uint32_t operand;
	size_t at = 0, opcode;

	while (at + BRANCH_BYTES <= bytes) {
		opcode = branch_opcode(code + at);
		if (!opcode) {
			at++;
			continue;
		}
		at += opcode;
		memcpy(&operand, code + at, sizeof(operand));
		operand = __builtin_bswap32(branch_turn(operand, (uint32_t)at));
		memcpy(code + at, &operand, sizeof(operand));
		at += sizeof(operand);
	}
}

int main(void)
{
	uint8_t *code = malloc(MAX_BYTES);
	size_t bytes = code ? fread(code, 1, MAX_BYTES, stdin) : 0;

	if (!bytes || ferror(stdin) || !feof(stdin)) {
		fputs("branches: no code, or over 1 MiB of it\n", stderr);
		free(code);
		return 1;
	}
	turn(code, bytes);
	if (fwrite(code, 1, bytes, stdout) != bytes || fflush(stdout)) {
		perror("branches");
		free(code);
		return 1;
	}
	free(code);
	return 0;
}
