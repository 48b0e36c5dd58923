/* SPDX-License-Identifier: MIT */
/*
 * The oracle's parameters and its order: which page a step writes, and which
 * visit of a page was the last. See oracle.h for the words.
 */
#ifndef VMFERRY_ABI_ORACLE_ORDER_H
#define VMFERRY_ABI_ORACLE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

enum oracle_pattern { ORACLE_SEQUENTIAL = 1, ORACLE_RANDOM = 2 };

enum oracle_write { ORACLE_WRITE_STAMP = 1, ORACLE_WRITE_PAGE = 2 };

enum oracle_content {
	ORACLE_CONTENT_ZERO = 1, /* every other visit is all zero */
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
	if (o->delta_bytes)
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

#endif
