/* SPDX-License-Identifier: MIT */
#include "lib/branches.h"

void branches_restore(uint8_t *code, size_t bytes)
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
		__builtin_memcpy(&operand, code + at, sizeof(operand));
		operand = branch_turn(__builtin_bswap32(operand),
				      0u - (uint32_t)at);
		__builtin_memcpy(code + at, &operand, sizeof(operand));
		at += sizeof(operand);
	}
}
