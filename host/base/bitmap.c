/* SPDX-License-Identifier: MIT */
/* Bitmaps, a word at a time. */
#include "base/bitmap.h"

uint64_t bitmap_count(const uint64_t *map, uint64_t bits)
{
	uint64_t i, nr = 0;

	for (i = 0; i < BITMAP_WORDS(bits); i++)
		nr += (uint64_t)__builtin_popcountll(map[i]);
	return nr;
}

/* First bit at or behind @from whose value is not that of @flip. */
static uint64_t next(const uint64_t *map, uint64_t bits, uint64_t from,
		     uint64_t flip)
{
	uint64_t word, bit;

	if (from >= bits)
		return bits;
	word = (map[from / 64] ^ flip) & (~0ull << (from % 64));
	for (bit = from & ~63ull; !word;) {
		bit += 64;
		if (bit >= bits)
			return bits;
		word = map[bit / 64] ^ flip;
	}
	bit += (uint64_t)__builtin_ctzll(word);
	return bit < bits ? bit : bits;
}

uint64_t bitmap_next(const uint64_t *map, uint64_t bits, uint64_t from)
{
	return next(map, bits, from, 0);
}

uint64_t bitmap_next_clear(const uint64_t *map, uint64_t bits, uint64_t from)
{
	return next(map, bits, from, ~0ull);
}

void bitmap_set_range(uint64_t *map, uint64_t first, uint64_t nr)
{
	uint64_t end = first + nr;

	while (first < end) {
		uint64_t low = first % 64;
		uint64_t n = 64 - low < end - first ? 64 - low : end - first;

		map[first / 64] |= (~0ull >> (64 - n)) << low;
		first += n;
	}
}
