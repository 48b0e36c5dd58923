/* SPDX-License-Identifier: MIT */
/*
 * Stretches of a page stored or compared, by kind of content. All of it is a
 * function of a key: the page, the visit and the epoch.
 */
#ifndef VMFERRY_ABI_ORACLE_WALK_H
#define VMFERRY_ABI_ORACLE_WALK_H

#include "oracle_params.h"

#define ORACLE_STAMP_A 0x9e3779b97f4a7c15ull
#define ORACLE_STAMP_B 0xc2b2ae3d27d4eb4full

/* The registers of the walk: SSE2 has them everywhere. Memory of a page is
 * only known to be 8-aligned. */
typedef uint64_t oracle_pair __attribute__((vector_size(16)));
typedef uint64_t oracle_pair_at
	__attribute__((vector_size(16), aligned(8), may_alias));

/* Lane @i before the first block, and what each block adds to it. */
#define ORACLE_LANE(key, i) (((key) + (i)*ORACLE_STAMP_A) * ORACLE_STAMP_B)
#define ORACLE_LANE_STEP(i) (ORACLE_STAMP_A * (2 * (i) + 1))

/* Word @i of block @turn (1, 2, ...): what the vectors below compute. */
static inline uint64_t oracle_word(uint64_t key, uint64_t turn, uint64_t i)
{
	uint64_t x = ORACLE_LANE(key, i) + turn * ORACLE_LANE_STEP(i);

	return x ^ (x >> 29);
}

/*
 * Whole blocks of 64 bytes from @from to @to, stored or compared. Eight lanes
 * count in steps of their own (a Weyl sequence), folded once: enough to look
 * random to every compressor, and near memory speed in plain SSE2. The lanes
 * are four named registers, since gcc keeps wider vectors in memory.
 *
 * Return: zero if all bytes are equal, or were stored.
 */
static inline __attribute__((always_inline)) uint64_t
oracle_walk_random(uint64_t key, uint8_t *page, size_t from, size_t to,
		   bool check)
{
	const oracle_pair step0 = { ORACLE_LANE_STEP(0), ORACLE_LANE_STEP(1) };
	const oracle_pair step1 = { ORACLE_LANE_STEP(2), ORACLE_LANE_STEP(3) };
	const oracle_pair step2 = { ORACLE_LANE_STEP(4), ORACLE_LANE_STEP(5) };
	const oracle_pair step3 = { ORACLE_LANE_STEP(6), ORACLE_LANE_STEP(7) };
	uint64_t turn = from / 64;
	oracle_pair lane0 = { ORACLE_LANE(key, 0), ORACLE_LANE(key, 1) };
	oracle_pair lane1 = { ORACLE_LANE(key, 2), ORACLE_LANE(key, 3) };
	oracle_pair lane2 = { ORACLE_LANE(key, 4), ORACLE_LANE(key, 5) };
	oracle_pair lane3 = { ORACLE_LANE(key, 6), ORACLE_LANE(key, 7) };
	oracle_pair diff = { 0, 0 };

	lane0 += step0 * turn;
	lane1 += step1 * turn;
	lane2 += step2 * turn;
	lane3 += step3 * turn;
	for (; from < to; from += 64) {
		oracle_pair_at *at = (oracle_pair_at *)(page + from);

		lane0 += step0;
		lane1 += step1;
		lane2 += step2;
		lane3 += step3;
		if (check) {
			diff |= at[0] ^ lane0 ^ (lane0 >> 29);
			diff |= at[1] ^ lane1 ^ (lane1 >> 29);
			diff |= at[2] ^ lane2 ^ (lane2 >> 29);
			diff |= at[3] ^ lane3 ^ (lane3 >> 29);
		} else {
			at[0] = lane0 ^ (lane0 >> 29);
			at[1] = lane1 ^ (lane1 >> 29);
			at[2] = lane2 ^ (lane2 >> 29);
			at[3] = lane3 ^ (lane3 >> 29);
		}
	}
	return diff[0] | diff[1];
}

/* Whole blocks of zeros, likewise. */
static inline __attribute__((always_inline)) uint64_t
oracle_walk_zero(uint8_t *page, size_t from, size_t to, bool check)
{
	oracle_pair diff = { 0, 0 }, other = { 0, 0 };
	const oracle_pair zero = { 0, 0 };

	for (; from < to; from += 64) {
		oracle_pair_at *at = (oracle_pair_at *)(page + from);

		if (check) {
			diff |= at[0] | at[1];
			other |= at[2] | at[3];
		} else {
			at[0] = zero;
			at[1] = zero;
			at[2] = zero;
			at[3] = zero;
		}
	}
	diff |= other;
	return diff[0] | diff[1];
}

/* One word stored, or compared: zero if equal. */
static inline __attribute__((always_inline)) uint64_t
oracle_walk_word(uint8_t *page, size_t at, uint64_t word, bool check)
{
	uint64_t seen;

	if (!check) {
		__builtin_memcpy(page + at, &word, 8);
		return 0;
	}
	__builtin_memcpy(&seen, page + at, 8);
	return seen ^ word;
}

/* ---- one byte all over: content=constant -------------------------------- */

/* Never zero: a blank page is another thing. */
static inline uint64_t oracle_constant(uint64_t key)
{
	return (1 + key % 255) * 0x0101010101010101ull;
}

/* ---- words: content=text ------------------------------------------------ */

#define ORACLE_TEXT_WORDS 64u

/*
 * Word @i of block @turn: seven of eight are common ones, the last one is rare,
 * that is seven letters and a space. In this mixture zlib level 1 finds what it
 * finds in English: 3.4:1 in one stream, 3:1 page by page.
 */
static inline uint64_t oracle_text_word(uint64_t random, uint64_t i)
{
	static const char words[ORACLE_TEXT_WORDS * 8 + 1] =
		"the hostmachine memory, virtual address process of pagesand the "
		"is takento write at once.It has abetween through another because "
		"network a driverstorage kernel, without nothing wheneverhowever "
		"in turn,the samemeasure perhaps written against on time,the last"
		"one morequestionmay havewhich iscarries answers before, brought "
		"country several history morning evening letters reading forward "
		"company present not onlybut alsolooking certain yellow, and then"
		"so that a bettergeneral for all nobody, people, thought The old ";
	uint64_t word;

	if (i == 7)
		return (((random >> 8) & 0x000f0f0f0f0f0f0full) +
			0x0061616161616161ull) |
		       (0x20ull << 56);
	__builtin_memcpy(&word, words + (random >> (8 * i)) % 64 * 8, 8);
	return word;
}

static inline uint64_t oracle_text_random(uint64_t key, uint64_t turn)
{
	return oracle_mix(key + turn * ORACLE_STAMP_A);
}

/* Whole blocks of text. */
static __attribute__((noinline, unused)) uint64_t
oracle_walk_text(uint64_t key, uint8_t *page, size_t from, size_t to,
		 bool check)
{
	uint64_t diff = 0, random, i;

	for (; from < to; from += 64) {
		random = oracle_text_random(key, from / 64);
		for (i = 0; i < 8; i++)
			diff |= oracle_walk_word(page, from + i * 8,
						 oracle_text_word(random, i),
						 check);
	}
	return diff;
}

#endif
