/* SPDX-License-Identifier: MIT */
/*
 * Calls and jumps of packed code: by where they go, not by how far.
 *
 * What calls the same function has the same bytes then, which pack better. The
 * operand's high byte comes first, so that it stands beside the opcode.
 * Source: the idea is that of the branch filters of xz and 7-Zip; this one
 * knows conditional jumps too, and needs no memory of what came before.
 */
#ifndef VMFERRY_GUEST_BRANCHES_H
#define VMFERRY_GUEST_BRANCHES_H

#include <stddef.h>
#include <stdint.h>

/* The longest branch: two bytes of opcode, four of distance. */
#define BRANCH_BYTES 6u

/* Bytes of opcode, if four of distance come next; else 0. */
static inline size_t branch_opcode(const uint8_t *code)
{
	if ((code[0] & 0xfe) == 0xe8)
		return 1; /* call, jmp */
	return code[0] == 0x0f && (code[1] & 0xf0) == 0x80 ? 2 : 0;
}

/*
 * What is no branch may look like one: only distances below 16 MiB are turned
 * into places or back, which keeps their high byte 0 or 255, and with that the
 * same choice on both ways.
 */
static inline uint32_t branch_turn(uint32_t operand, uint32_t add)
{
	uint32_t high = operand >> 24;

	if (high && high != 0xff)
		return operand;
	operand = (operand + add) & 0x1ffffff;
	return operand & 0x1000000 ? operand | 0xff000000 : operand;
}

/* In place; any bytes. The reverse: linker/branches.c. */
void branches_restore(uint8_t *code, size_t bytes);

#endif
