/* SPDX-License-Identifier: MIT */
/*
 * The oracle: which page the workload writes at which step, and what every
 * byte of every page must be, as pure functions.
 *
 * Words: a *working set* is nr_pages pages in up to eight gfn ranges, numbered
 * by *index* 0..nr_pages - 1. vCPU v owns one contiguous *slice* of the
 * indices. The fill is *visit* 0 of every page; after it *step* s = 1, 2, ...
 * of a vCPU writes one page of its slice. Steps are grouped in *passes* of as
 * many steps as the slice has pages; a pass visits each page once, in an order
 * that is a bijection with an inverse. So from a step counter alone follows
 * each page's last visit, and from that its bytes.
 *
 * No state, no allocation, no libc: included by the guest (ring 3), by the
 * host's verifier and by unit tests.
 */
#ifndef VMFERRY_ABI_ORACLE_H
#define VMFERRY_ABI_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

enum oracle_pattern { ORACLE_SEQUENTIAL = 1, ORACLE_RANDOM = 2 };

enum oracle_write { ORACLE_WRITE_STAMP = 1, ORACLE_WRITE_PAGE = 2 };

enum oracle_content {
	ORACLE_CONTENT_ZERO = 1, /* odd visits all zero, even ones stamped */
	ORACLE_CONTENT_RANDOM = 2,
	ORACLE_CONTENT_RATIO = 3, /* zlib level 1 compresses it ratio:1 */
};

#define ORACLE_MAX_RATIO 64u

/* Limits of the stamp's fields. */
#define ORACLE_VISIT_BITS 48
#define ORACLE_GFN_BITS 40
#define ORACLE_STAMP_BYTES 16u

struct oracle_range {
	uint64_t gfn;
	uint64_t nr_pages;
};

/* The parameters of one epoch; everything below is a function of them. */
struct oracle {
	uint64_t seed;
	uint32_t epoch; /* 1, 2, ...; 0 = none */
	uint32_t nr_vcpus; /* 1..ABI_MAX_VCPUS */
	uint32_t pattern; /* enum oracle_pattern */
	uint32_t write; /* enum oracle_write */
	uint32_t content; /* enum oracle_content */
	uint32_t ratio; /* 1..ORACLE_MAX_RATIO with ORACLE_CONTENT_RATIO */
	uint64_t nr_pages; /* sum of the ranges */
	uint32_t nr_ranges; /* 1..ABI_MAX_WORK_RANGES */
	uint32_t delta_bytes; /* room for delta writes; 0 */
	struct oracle_range range[ABI_MAX_WORK_RANGES]; /* disjoint */
};

/**
 * oracle_valid() - may the functions below be called on these parameters?
 * @o: parameters, possibly hostile.
 *
 * Return: true if every field is in range and the ranges add up.
 */
static inline bool oracle_valid(const struct oracle *o)
{
	uint64_t sum = 0;
	uint32_t i, j;

	if (!o->epoch || !o->nr_vcpus || o->nr_vcpus > ABI_MAX_VCPUS ||
	    !o->nr_ranges || o->nr_ranges > ABI_MAX_WORK_RANGES)
		return false;
	if (o->pattern != ORACLE_SEQUENTIAL && o->pattern != ORACLE_RANDOM)
		return false;
	if (o->write != ORACLE_WRITE_STAMP && o->write != ORACLE_WRITE_PAGE)
		return false;
	if (o->content < ORACLE_CONTENT_ZERO ||
	    o->content > ORACLE_CONTENT_RATIO)
		return false;
	if (o->content == ORACLE_CONTENT_RATIO &&
	    (!o->ratio || o->ratio > ORACLE_MAX_RATIO))
		return false;
	for (i = 0; i < o->nr_ranges; i++) {
		const struct oracle_range *r = &o->range[i];

		if (!r->nr_pages || r->nr_pages > 1ull << ORACLE_GFN_BITS ||
		    r->gfn > (1ull << ORACLE_GFN_BITS) - r->nr_pages)
			return false;
		for (j = 0; j < i; j++)
			if (r->gfn < o->range[j].gfn + o->range[j].nr_pages &&
			    o->range[j].gfn < r->gfn + r->nr_pages)
				return false;
		sum += r->nr_pages;
	}
	return sum == o->nr_pages;
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t oracle_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline uint64_t oracle_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- places: index <-> gfn, slices ------------------------------------- */

struct oracle_slice {
	uint64_t first; /* index */
	uint64_t nr_pages; /* may be 0 when there are more vCPUs than pages */
};

/* Slices differ by at most one page; the first ones are the longer. */
static inline struct oracle_slice oracle_slice(const struct oracle *o,
					       uint32_t vcpu)
{
	uint64_t share = o->nr_pages / o->nr_vcpus;
	uint64_t rest = o->nr_pages % o->nr_vcpus;
	struct oracle_slice s = {
		.first = vcpu * share + oracle_min(vcpu, rest),
		.nr_pages = share + (vcpu < rest),
	};

	return s;
}

/* The vCPU whose slice holds @index. */
static inline uint32_t oracle_owner(const struct oracle *o, uint64_t index)
{
	uint64_t share = o->nr_pages / o->nr_vcpus;
	uint64_t rest = o->nr_pages % o->nr_vcpus;
	uint64_t longer = rest * (share + 1);

	if (index < longer)
		return (uint32_t)(index / (share + 1));
	return (uint32_t)(rest + (index - longer) / share);
}

/* @index must be below nr_pages. */
static inline uint64_t oracle_gfn(const struct oracle *o, uint64_t index)
{
	uint32_t i = 0;

	while (index >= o->range[i].nr_pages)
		index -= o->range[i++].nr_pages;
	return o->range[i].gfn + index;
}

/* Return: true and the index, if @gfn belongs to the working set. */
static inline bool oracle_index(const struct oracle *o, uint64_t gfn,
				uint64_t *ret_index)
{
	uint64_t before = 0;
	uint32_t i;

	for (i = 0; i < o->nr_ranges; i++) {
		if (gfn - o->range[i].gfn < o->range[i].nr_pages) {
			*ret_index = before + (gfn - o->range[i].gfn);
			return true;
		}
		before += o->range[i].nr_pages;
	}
	return false;
}

/* ---- order: step <-> page ---------------------------------------------- */

/*
 * A bijection of 0..nr - 1: three rounds of multiply, xor-shift and add on the
 * next power of two, repeated until the value falls below nr (cycle walking:
 * fewer than two turns on average). Each round is invertible: the factors are
 * odd, and a shift by at least half of the bits undoes itself.
 */
struct oracle_perm {
	uint64_t nr;
	uint64_t mask;
	uint32_t shift;
	uint32_t identity;
	uint64_t mul[3];
	uint64_t inverse[3];
	uint64_t add[3];
};

static inline void oracle_perm_init(struct oracle_perm *p,
				    const struct oracle *o, uint32_t vcpu,
				    uint64_t nr, uint64_t pass)
{
	uint64_t key = oracle_mix(o->seed ^ oracle_mix(vcpu + 1ull));
	uint32_t bits = nr > 1 ? 64u - (uint32_t)__builtin_clzll(nr - 1) : 0;
	uint32_t i, turn;

	p->nr = nr;
	p->mask = bits ? ~0ull >> (64 - bits) : 0;
	p->shift = (bits + 1) / 2;
	p->identity = o->pattern == ORACLE_SEQUENTIAL;
	key = oracle_mix(key ^ oracle_mix(pass * 2 + o->epoch * 0x9e3779b9ull));
	for (i = 0; i < 3; i++) {
		uint64_t mul = oracle_mix(key + 2 * i) | 1;
		uint64_t inv = mul; /* right to 3 bits; each turn doubles */

		for (turn = 0; turn < 5; turn++)
			inv *= 2 - mul * inv;
		p->mul[i] = mul;
		p->inverse[i] = inv;
		p->add[i] = oracle_mix(key + 2 * i + 1);
	}
}

/* Position @x in the pass -> page of the slice. */
static inline uint64_t oracle_perm_apply(const struct oracle_perm *p,
					 uint64_t x)
{
	uint32_t i;

	if (p->identity)
		return x;
	do {
		for (i = 0; i < 3; i++) {
			x = (x * p->mul[i]) & p->mask;
			x ^= x >> p->shift;
			x = (x + p->add[i]) & p->mask;
		}
	} while (x >= p->nr);
	return x;
}

/* Page of the slice -> position in the pass. */
static inline uint64_t oracle_perm_invert(const struct oracle_perm *p,
					  uint64_t x)
{
	uint32_t i;

	if (p->identity)
		return x;
	do {
		for (i = 3; i-- > 0;) {
			x = (x - p->add[i]) & p->mask;
			x ^= x >> p->shift;
			x = (x * p->inverse[i]) & p->mask;
		}
	} while (x >= p->nr);
	return x;
}

/* Walks a vCPU's steps in order: the hot loop's view. */
struct oracle_cursor {
	uint64_t nr; /* pages of the slice */
	uint64_t first; /* index of its first page */
	uint64_t pos; /* steps done in this pass */
	uint64_t pass;
	uint32_t vcpu;
	struct oracle_perm perm;
};

/**
 * oracle_cursor_seek() - stand behind @steps completed steps.
 *
 * The slice must not be empty.
 */
static inline void oracle_cursor_seek(struct oracle_cursor *c,
				      const struct oracle *o, uint32_t vcpu,
				      uint64_t steps)
{
	struct oracle_slice s = oracle_slice(o, vcpu);

	c->nr = s.nr_pages;
	c->first = s.first;
	c->vcpu = vcpu;
	c->pass = steps / s.nr_pages;
	c->pos = steps % s.nr_pages;
	oracle_perm_init(&c->perm, o, vcpu, c->nr, c->pass);
}

/**
 * oracle_cursor_next() - the page that the next step writes; go past it.
 * @ret_visit: the visit that this step is; the page holds visit - 1 before.
 *
 * Return: the page's index in the working set.
 */
static inline uint64_t oracle_cursor_next(struct oracle_cursor *c,
					  const struct oracle *o,
					  uint64_t *ret_visit)
{
	if (__builtin_expect(c->pos == c->nr, 0)) {
		c->pos = 0;
		c->pass++;
		oracle_perm_init(&c->perm, o, c->vcpu, c->nr, c->pass);
	}
	*ret_visit = c->pass + 1;
	return c->first + oracle_perm_apply(&c->perm, c->pos++);
}

/* Looks back from a step counter: the verifier's view. */
struct oracle_history {
	uint64_t nr;
	uint64_t first;
	uint64_t pass; /* complete passes */
	uint64_t pos; /* steps into the next one */
	struct oracle_perm perm; /* of the unfinished pass */
};

/* The slice must not be empty. */
static inline void oracle_history_init(struct oracle_history *h,
				       const struct oracle *o, uint32_t vcpu,
				       uint64_t steps)
{
	struct oracle_slice s = oracle_slice(o, vcpu);

	h->nr = s.nr_pages;
	h->first = s.first;
	h->pass = steps / s.nr_pages;
	h->pos = steps % s.nr_pages;
	oracle_perm_init(&h->perm, o, vcpu, h->nr, h->pass);
}

/* Last visit of page @index (of this vCPU's slice); 0 = only filled. */
static inline uint64_t oracle_history_visit(const struct oracle_history *h,
					    uint64_t index)
{
	return h->pass +
	       (oracle_perm_invert(&h->perm, index - h->first) < h->pos);
}

/* Index of the page that the next step writes: the one in flight. */
static inline uint64_t oracle_history_next(const struct oracle_history *h)
{
	return h->first + oracle_perm_apply(&h->perm, h->pos);
}

/* ---- content ------------------------------------------------------------ */

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
	return o->write == ORACLE_WRITE_STAMP ? ORACLE_STAMP_BYTES :
						ABI_PAGE_BYTES;
}

/*
 * Random bytes of a page, the rest being zero, so that zlib level 1 makes the
 * working set @ratio times smaller: literals cost a little over 8 bits, a run
 * of zeros a few bits for each 258 bytes. Measured; the unit tests hold it to
 * 5 % (tests/unit/test_oracle.c).
 */
static inline size_t oracle_random_bytes(const struct oracle *o)
{
	if (o->content == ORACLE_CONTENT_ZERO)
		return 0;
	if (o->content == ORACLE_CONTENT_RANDOM || o->ratio == 1)
		return ABI_PAGE_BYTES;
	return (ABI_PAGE_BYTES / o->ratio - 24) & ~(size_t)7;
}

typedef uint64_t oracle_block __attribute__((vector_size(64), may_alias));

/*
 * Bytes @from..@to - 1 of the image of one visit, stored (@check false) or
 * compared. @from and @to are multiples of 8, and those past 64 of 64. Eight
 * lanes count in steps of their own (a Weyl sequence), folded once: enough to
 * look random to every compressor, and near memory speed in plain SSE2.
 */
static inline __attribute__((always_inline)) bool
oracle_walk(const struct oracle *o, uint64_t gfn, uint64_t visit, void *page,
	    size_t from, size_t to, bool check)
{
	uint64_t key = oracle_mix(o->seed ^ oracle_mix(gfn) ^
				  oracle_mix(visit * 4 + o->epoch * 3ull));
	size_t random = oracle_random_bytes(o);
	bool blank = o->content == ORACLE_CONTENT_ZERO && (visit & 1);
	struct oracle_stamp stamp = { { 0, 0 } };
	oracle_block lanes, step, diff = { 0 };
	uint64_t *word = page;
	size_t at, i;

	if (!blank)
		stamp = oracle_stamp(o, gfn, visit);
	for (i = 0; i < 8; i++) {
		lanes[i] = (key + i * ORACLE_STAMP_A) * ORACLE_STAMP_B;
		step[i] = ORACLE_STAMP_A * (2 * i + 1);
	}
	for (at = 0; at < to; at += 64) {
		oracle_block block = { 0 };

		if (at < random) {
			lanes += step;
			block = lanes ^ (lanes >> 29);
			for (i = 0; random - at < 64 && i < 8; i++)
				if (at + i * 8 >= random)
					block[i] = 0;
		}
		if (at == 0) {
			block[0] = stamp.word[0];
			block[1] = stamp.word[1];
			for (i = from / 8; i < 8 && i < to / 8; i++) {
				if (check)
					diff[i] |= word[i] ^ block[i];
				else
					word[i] = block[i];
			}
			continue;
		}
		if (at < from)
			continue;
		if (check) {
			oracle_block seen;

			__builtin_memcpy(&seen, word + at / 8, 64);
			diff |= seen ^ block;
		} else {
			__builtin_memcpy(word + at / 8, &block, 64);
		}
	}
	return !(diff[0] | diff[1] | diff[2] | diff[3] | diff[4] | diff[5] |
		 diff[6] | diff[7]);
}

/* What a step does to its page: the bytes that visit @visit renews. */
static inline void oracle_write_visit(const struct oracle *o, uint64_t gfn,
				      uint64_t visit, void *page)
{
	if (o->write == ORACLE_WRITE_STAMP && visit) {
		uint64_t *word = page;
		struct oracle_stamp s = { { 0, 0 } };

		if (o->content != ORACLE_CONTENT_ZERO || !(visit & 1))
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
