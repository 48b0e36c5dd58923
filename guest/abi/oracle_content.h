/* SPDX-License-Identifier: MIT */
/*
 * The oracle's content: every byte of a page, from its gfn and last visit.
 * See oracle.h for the words.
 */
#ifndef VMFERRY_ABI_ORACLE_CONTENT_H
#define VMFERRY_ABI_ORACLE_CONTENT_H

#include "oracle_walk.h"

struct oracle_stamp {
	uint64_t word[2];
};

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

/* The blocks of random bytes, the one where they end, and zeros. */
static inline __attribute__((always_inline)) uint64_t
oracle_walk_ratio(uint64_t key, size_t random, uint8_t *page, size_t from,
		  size_t to, bool check)
{
	size_t whole = oracle_min(random & ~(size_t)63, to);
	size_t i, at = whole > from ? whole : from;
	uint64_t diff = oracle_walk_random(key, page, from, whole, check);

	if (at < random && at < to) {
		uint64_t turn = at / 64 + 1;

		for (i = 0; i < 8; i++, at += 8) {
			uint64_t word = oracle_word(key, turn, i);

			diff |= oracle_walk_word(page, at,
						 at < random ? word : 0, check);
		}
	}
	return diff | oracle_walk_zero(page, at, to, check);
}

/* oracle_walk() of text and of one byte all over: apart, so that the hot loop
 * has the other contents to itself. */
static __attribute__((noinline, unused)) bool
oracle_walk_words(const struct oracle *o, struct oracle_stamp stamp,
		  uint64_t key, uint8_t *page, size_t from, size_t to,
		  bool check)
{
	bool text = o->content == ORACLE_CONTENT_TEXT;
	uint64_t word = oracle_constant(key), diff = 0;
	size_t at;

	for (at = from; at < 64 && at < to; at += 8) {
		uint64_t head = word;

		if (text)
			head = oracle_text_word(oracle_text_random(key, 0),
						at / 8);
		if (at < ORACLE_STAMP_BYTES)
			head = stamp.word[at / 8];
		diff |= oracle_walk_word(page, at, head, check);
	}
	if (text)
		return !(diff | oracle_walk_text(key, page, at, to, check));
	for (; at < to; at += 8)
		diff |= oracle_walk_word(page, at, word, check);
	return !diff;
}

/*
 * Bytes @from..@to - 1 of the image of one visit, stored (@check false) or
 * compared. Below 64 both are multiples of 8, beyond it of 64. The stamp, then
 * what the content says.
 */
static inline __attribute__((always_inline)) bool
oracle_walk(const struct oracle *o, uint64_t gfn, uint64_t visit, void *page,
	    size_t from, size_t to, bool check)
{
	uint64_t key = oracle_mix(o->seed ^ oracle_mix(gfn) ^
				  oracle_mix(visit * 4 + o->epoch * 3ull));
	struct oracle_stamp stamp = { { 0, 0 } };
	uint64_t diff = 0;
	size_t at, random;

	if (from < ORACLE_STAMP_BYTES && !oracle_visit_blank(o, gfn, visit))
		stamp = oracle_stamp(o, gfn, visit);
	if (__builtin_expect(o->content > ORACLE_CONTENT_RATIO, 0))
		return oracle_walk_words(o, stamp, key, page, from, to, check);
	random = oracle_random_bytes(o);
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
	/* Where the loop ended: but known to the compiler. */
	at = from > 64 ? from : 64;
	return !(diff | oracle_walk_ratio(key, random, page, at, to, check));
}

/* One copy of it, for what is not done page after page. */
static __attribute__((noinline, unused)) bool
oracle_walk_apart(const struct oracle *o, uint64_t gfn, uint64_t visit,
		  void *page, size_t from, size_t to, bool check)
{
	return oracle_walk(o, gfn, visit, page, from, to, check);
}

/* ---- what a visit renews ------------------------------------------------ */

/* Bytes at the start of a page that a visit renews, unless lines all over it
 * are renewed (oracle_is_delta()). */
static inline size_t oracle_write_bytes(const struct oracle *o)
{
	switch (o->write) {
	case ORACLE_WRITE_STAMP:
		return ORACLE_STAMP_BYTES;
	case ORACLE_WRITE_LINE:
		return ORACLE_LINE_BYTES;
	default:
		return ABI_PAGE_BYTES;
	}
}

static inline bool oracle_is_delta(const struct oracle *o)
{
	return o->delta_bytes && o->delta_bytes < ABI_PAGE_BYTES;
}

/* Lines of a page that differ from visit to visit: zeros never do. */
static inline uint32_t oracle_lively_lines(const struct oracle *o)
{
	uint32_t lines = ABI_PAGE_BYTES / ORACLE_LINE_BYTES;

	if (o->content != ORACLE_CONTENT_CONSTANT &&
	    o->content != ORACLE_CONTENT_TEXT)
		lines = (uint32_t)(oracle_random_bytes(o) + 63) / 64;
	return lines ? lines : 1;
}

/* Lines that a visit renews with delta=; no more than there are lively ones. */
static inline uint32_t oracle_delta_lines(const struct oracle *o)
{
	uint32_t lines = (uint32_t)oracle_min(
		o->delta_bytes / ORACLE_LINE_BYTES, oracle_lively_lines(o));

	return lines ? lines : 1;
}

/* The first byte of the @i-th of them: spread evenly, always the same. */
static inline size_t oracle_delta_at(const struct oracle *o, uint32_t i)
{
	return (size_t)i * oracle_lively_lines(o) / oracle_delta_lines(o) *
	       ORACLE_LINE_BYTES;
}

static inline void oracle_write_delta(const struct oracle *o, uint64_t gfn,
				      uint64_t visit, void *page)
{
	uint32_t i;

	for (i = 0; i < oracle_delta_lines(o); i++) {
		size_t at = oracle_delta_at(o, i);

		oracle_walk_apart(o, gfn, visit, page, at,
				  at + ORACLE_LINE_BYTES, false);
	}
}

/* The renewed lines are this visit's, what lies between them the fill's. */
static inline bool oracle_delta_ok(const struct oracle *o, uint64_t gfn,
				   uint64_t visit, void *page)
{
	size_t at, done = 0;
	uint32_t i;

	for (i = 0; i < oracle_delta_lines(o); i++) {
		at = oracle_delta_at(o, i);
		if (!oracle_walk_apart(o, gfn, 0, page, done, at, true) ||
		    !oracle_walk_apart(o, gfn, visit, page, at,
				       at + ORACLE_LINE_BYTES, true))
			return false;
		done = at + ORACLE_LINE_BYTES;
	}
	return oracle_walk_apart(o, gfn, 0, page, done, ABI_PAGE_BYTES, true);
}

/* All that visit @visit, not 0, does with write=stamp. */
static inline void oracle_write_stamp(const struct oracle *o, uint64_t gfn,
				      uint64_t visit, void *page)
{
	uint64_t *word = page;
	struct oracle_stamp s = { { 0, 0 } };

	if (!oracle_visit_blank(o, gfn, visit))
		s = oracle_stamp(o, gfn, visit);
	word[0] = s.word[0];
	word[1] = s.word[1];
}

/* What a step does to its page: the bytes that visit @visit renews. */
static inline void oracle_write_visit(const struct oracle *o, uint64_t gfn,
				      uint64_t visit, void *page)
{
	if (o->write == ORACLE_WRITE_STAMP && visit) {
		oracle_write_stamp(o, gfn, visit, page);
	} else if (o->write == ORACLE_WRITE_LINE && visit) {
		oracle_walk_apart(o, gfn, visit, page, 0, ORACLE_LINE_BYTES,
				  false);
	} else if (oracle_is_delta(o) && visit) {
		oracle_write_delta(o, gfn, visit, page);
	} else {
		oracle_walk(o, gfn, visit, page, 0, ABI_PAGE_BYTES, false);
	}
}

/* All 4096 bytes of a page whose last visit was @visit. */
static inline void oracle_page(const struct oracle *o, uint64_t gfn,
			       uint64_t visit, void *page)
{
	if (o->write != ORACLE_WRITE_PAGE || oracle_is_delta(o))
		oracle_walk_apart(o, gfn, 0, page, 0, ABI_PAGE_BYTES, false);
	if (visit || (o->write == ORACLE_WRITE_PAGE && !oracle_is_delta(o)))
		oracle_write_visit(o, gfn, visit, page);
}

/* Is the stamp of @page that of visit @visit? */
static inline bool oracle_stamp_ok(const struct oracle *o, uint64_t gfn,
				   uint64_t visit, const void *page)
{
	struct oracle_stamp s = { { 0, 0 } }, seen;

	if (!oracle_visit_blank(o, gfn, visit))
		s = oracle_stamp(o, gfn, visit);
	__builtin_memcpy(&seen, page, sizeof(seen));
	return !((seen.word[0] ^ s.word[0]) | (seen.word[1] ^ s.word[1]));
}

/* Is @page what oracle_page() gives? */
static inline bool oracle_page_ok(const struct oracle *o, uint64_t gfn,
				  uint64_t visit, const void *page)
{
	size_t renewed = visit ? oracle_write_bytes(o) : ABI_PAGE_BYTES;
	size_t from = 0;
	void *p = (void *)page;

	if (visit && oracle_is_delta(o))
		return oracle_delta_ok(o, gfn, visit, p);
	if (renewed < ABI_PAGE_BYTES) {
		if (o->write == ORACLE_WRITE_STAMP
			    ? !oracle_stamp_ok(o, gfn, visit, p)
			    : !oracle_walk_apart(o, gfn, visit, p, 0, renewed,
						 true))
			return false;
		/* The rest is the fill's. */
		from = renewed;
		visit = 0;
	}
	return oracle_walk(o, gfn, visit, p, from, ABI_PAGE_BYTES, true);
}

#endif
