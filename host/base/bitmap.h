/* SPDX-License-Identifier: MIT */
/* Bitmaps of uint64_t words, least significant bit first. */
#ifndef VMFERRY_BASE_BITMAP_H
#define VMFERRY_BASE_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)
#define BITMAP_BYTES(bits) (BITMAP_WORDS(bits) * 8)

static inline bool bitmap_test(const uint64_t *map, uint64_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

static inline void bitmap_set(uint64_t *map, uint64_t bit)
{
	map[bit / 64] |= 1ull << (bit % 64);
}

static inline void bitmap_clear(uint64_t *map, uint64_t bit)
{
	map[bit / 64] &= ~(1ull << (bit % 64));
}

/* Set bits below @bits; bits past the end must be clear. */
uint64_t bitmap_count(const uint64_t *map, uint64_t bits);
/* First set bit in [@from, @bits), or @bits. */
uint64_t bitmap_next(const uint64_t *map, uint64_t bits, uint64_t from);
/* First clear bit in [@from, @bits), or @bits. */
uint64_t bitmap_next_clear(const uint64_t *map, uint64_t bits, uint64_t from);
/* Sets [@first, @first + @nr). */
void bitmap_set_range(uint64_t *map, uint64_t first, uint64_t nr);

#endif
