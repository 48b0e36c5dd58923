/* SPDX-License-Identifier: MIT */
/*
 * The oracle's content: every byte of a page, from its gfn and last visit.
 * See oracle.h for the words.
 */
#ifndef VMFERRY_ABI_ORACLE_CONTENT_H
#define VMFERRY_ABI_ORACLE_CONTENT_H

#include "oracle_order.h"

struct oracle_stamp {
	uint64_t word[2];
};

#define ORACLE_STAMP_A 0x9e3779b97f4a7c15ull
#define ORACLE_STAMP_B 0xc2b2ae3d27d4eb4full

static inline uint64_t oracle_stamp_mix(uint64_t x)
{
	x *= ORACLE_STAMP_A;
	return x ^ (x >> 32);
}

/* 24 check bits in place, the low 40 clear. */
static inline uint64_t oracle_stamp_check(uint64_t lo, uint64_t gfn)
{
	return ((lo * ORACLE_STAMP_A) ^ (gfn * ORACLE_STAMP_B)) >>
	       ORACLE_GFN_BITS << ORACLE_GFN_BITS;
}

/*
 * Who and when, in 16 bytes at the start of a page: visit (48 bits), epoch
 * (16), gfn (40), check (24), through three Feistel rounds, so that stamps of
 * neighbouring visits share no more bytes than chance gives: a torn stamp then
 * differs from a flipped bit.
 */
static inline struct oracle_stamp oracle_stamp(const struct oracle *o,
					       uint64_t gfn, uint64_t visit)
{
	uint64_t lo = visit | (uint64_t)o->epoch << ORACLE_VISIT_BITS;
	uint64_t hi = gfn | oracle_stamp_check(lo, gfn);
	struct oracle_stamp s;

	lo ^= oracle_stamp_mix(hi + 1);
	hi ^= oracle_stamp_mix(lo + 2);
	lo ^= oracle_stamp_mix(hi + 3);
	s.word[0] = lo;
	s.word[1] = hi;
	return s;
}

/* Return: true and the fields, if @s is a stamp that some epoch wrote. */
static inline bool oracle_stamp_read(struct oracle_stamp s, uint64_t *ret_gfn,
				     uint64_t *ret_visit, uint32_t *ret_epoch)
{
	uint64_t lo = s.word[0], hi = s.word[1], gfn;

	lo ^= oracle_stamp_mix(hi + 3);
	hi ^= oracle_stamp_mix(lo + 2);
	lo ^= oracle_stamp_mix(hi + 1);
	gfn = hi & ((1ull << ORACLE_GFN_BITS) - 1);
	if ((hi ^ gfn) != oracle_stamp_check(lo, gfn))
		return false;
	*ret_gfn = gfn;
	*ret_visit = lo & ((1ull << ORACLE_VISIT_BITS) - 1);
	*ret_epoch = (uint32_t)(lo >> ORACLE_VISIT_BITS);
	return true;
}

/* Bytes at the start of a page that each write renews. */
static inline size_t oracle_write_bytes(const struct oracle *o)
{
	return o->write == ORACLE_WRITE_STAMP ? ORACLE_STAMP_BYTES
					      : ABI_PAGE_BYTES;
}

/*
 * Random bytes of a page, the rest being zero, so that zlib level 1 makes the
 * working set @ratio times smaller: literals cost a little over 8 bits, a run
 * of zeros a few bits for each 258 bytes. Measured; the unit tests hold it to
 * 5 % (tests/unit/oracle/test_content.c).
 */
static inline size_t oracle_random_bytes(const struct oracle *o)
{
	if (o->content == ORACLE_CONTENT_ZERO)
		return 0;
	if (o->content == ORACLE_CONTENT_RANDOM || o->ratio == 1)
		return ABI_PAGE_BYTES;
	return (ABI_PAGE_BYTES / o->ratio - 24) & ~(size_t)7;
}

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

/*
 * content=zero: a page's visits are all zero and stamped in turn. Which of the
 * two comes first changes every 16 pages, so that at any moment there are both:
 * pages that became zero, and pages that were zero and are not any more.
 */
static inline bool oracle_visit_blank(const struct oracle *o, uint64_t gfn,
				      uint64_t visit)
{
	return o->content == ORACLE_CONTENT_ZERO && ((visit + (gfn >> 4)) & 1);
}

/*
 * Bytes @from..@to - 1 of the image of one visit, stored (@check false) or
 * compared. @from and @to are multiples of 8, @from is below 64, and @to, if
 * past 64, is ABI_PAGE_BYTES. The stamp, random bytes, and zeros to the end.
 */
static inline __attribute__((always_inline)) bool
oracle_walk(const struct oracle *o, uint64_t gfn, uint64_t visit, void *page,
	    size_t from, size_t to, bool check)
{
	uint64_t key = oracle_mix(o->seed ^ oracle_mix(gfn) ^
				  oracle_mix(visit * 4 + o->epoch * 3ull));
	size_t random = oracle_random_bytes(o);
	size_t whole = random & ~(size_t)63;
	struct oracle_stamp stamp = { { 0, 0 } };
	uint64_t diff = 0;
	size_t at;

	if (from < ORACLE_STAMP_BYTES && !oracle_visit_blank(o, gfn, visit))
		stamp = oracle_stamp(o, gfn, visit);
	for (at = from; at < 64 && at < to; at += 8) {
		uint64_t word = 0;

		if (at < ORACLE_STAMP_BYTES)
			word = stamp.word[at / 8];
		else if (at < random)
			word = oracle_word(key, 1, at / 8);
		diff |= oracle_walk_word(page, at, word, check);
	}
	if (to <= 64)
		return !diff;
	diff |= oracle_walk_random(key, page, 64, whole, check);
	at = whole > 64 ? whole : 64;
	if (at < random) {
		uint64_t turn = at / 64 + 1, i;

		for (i = 0; i < 8; i++, at += 8) {
			uint64_t word = oracle_word(key, turn, i);

			diff |= oracle_walk_word(page, at,
						 at < random ? word : 0, check);
		}
	}
	return !(diff | oracle_walk_zero(page, at, to, check));
}

/* What a step does to its page: the bytes that visit @visit renews. */
static inline void oracle_write_visit(const struct oracle *o, uint64_t gfn,
				      uint64_t visit, void *page)
{
	if (o->write == ORACLE_WRITE_STAMP && visit) {
		uint64_t *word = page;
		struct oracle_stamp s = { { 0, 0 } };

		if (!oracle_visit_blank(o, gfn, visit))
			s = oracle_stamp(o, gfn, visit);
		word[0] = s.word[0];
		word[1] = s.word[1];
		return;
	}
	oracle_walk(o, gfn, visit, page, 0, ABI_PAGE_BYTES, false);
}

/* All 4096 bytes of a page whose last visit was @visit. */
static inline void oracle_page(const struct oracle *o, uint64_t gfn,
			       uint64_t visit, void *page)
{
	if (o->write != ORACLE_WRITE_PAGE)
		oracle_walk(o, gfn, 0, page, 0, ABI_PAGE_BYTES, false);
	oracle_write_visit(o, gfn, visit, page);
}

/* Is @page what oracle_page() gives? */
static inline bool oracle_page_ok(const struct oracle *o, uint64_t gfn,
				  uint64_t visit, const void *page)
{
	size_t renewed = visit ? oracle_write_bytes(o) : ABI_PAGE_BYTES;
	void *p = (void *)page;

	if (!oracle_walk(o, gfn, visit, p, 0, renewed, true))
		return false;
	return renewed == ABI_PAGE_BYTES ||
	       oracle_walk(o, gfn, 0, p, renewed, ABI_PAGE_BYTES, true);
}

#endif
