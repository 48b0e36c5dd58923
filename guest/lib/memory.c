/* SPDX-License-Identifier: MIT */
/*
 * What compilers call by themselves. Built without the optimisation that
 * turns such loops into calls of these very functions.
 */
#include "lib/string.h"

#include <stdint.h>

int __popcountdi2(uint64_t value);

void *memcpy(void *to, const void *from, size_t bytes)
{
	size_t i;

	for (i = 0; i + 8 <= bytes; i += 8)
		__builtin_memcpy((char *)to + i, (const char *)from + i, 8);
	for (; i < bytes; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	uint64_t word = (uint8_t)value * 0x0101010101010101ull;
	size_t i;

	for (i = 0; i + 8 <= bytes; i += 8)
		__builtin_memcpy((char *)to + i, &word, 8);
	for (; i < bytes; i++)
		((char *)to)[i] = (char)value;
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const uint8_t *p = a, *q = b;
	size_t i;

	for (i = 0; i < bytes; i++)
		if (p[i] != q[i])
			return p[i] < q[i] ? -1 : 1;
	return 0;
}

/* gcc's __builtin_popcount without the instruction. */
int __popcountdi2(uint64_t value)
{
	int n;

	for (n = 0; value; n++)
		value &= value - 1;
	return n;
}
