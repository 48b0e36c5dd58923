/* SPDX-License-Identifier: MIT */
/*
 * The bijections that the oracle's orders are made of: position in a pass <->
 * page, both ways in closed form.
 */
#ifndef VMFERRY_ABI_ORACLE_PERM_H
#define VMFERRY_ABI_ORACLE_PERM_H

#include "oracle_params.h"

/*
 * A bijection of 0..nr - 1. Random: three rounds of multiply, xor-shift and add
 * on the next power of two, repeated until the value falls below nr (cycle
 * walking: fewer than two turns on average). Each round is invertible: the
 * factors are odd, and a shift by at least half of the bits undoes itself.
 * Strided: column by column of a table with `stride` columns.
 */
struct oracle_perm {
	uint64_t nr;
	uint64_t stride; /* 0 = random; 1 = as they lie */
	uint64_t mask;
	uint32_t shift;
	uint64_t mul[3];
	uint64_t inverse[3];
	uint64_t add[3];
};

/* @key: all that the permutation depends on. */
static inline void oracle_perm_init_random(struct oracle_perm *p, uint64_t nr,
					   uint64_t key)
{
	uint32_t bits = nr > 1 ? 64u - (uint32_t)__builtin_clzll(nr - 1) : 0;
	uint32_t i, turn;

	p->nr = nr;
	p->stride = 0;
	p->mask = bits ? ~0ull >> (64 - bits) : 0;
	p->shift = (bits + 1) / 2;
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

/*
 * The order of one pass over @nr pages of a vCPU's slice.
 * @pass: the number of the pass in the epoch; each has an order of its own.
 * @lane: 1 for the cold pages of ORACLE_HOTCOLD, else 0.
 */
static inline void oracle_perm_init(struct oracle_perm *p,
				    const struct oracle *o,
				    const struct oracle_order *order,
				    uint32_t vcpu, uint64_t nr, uint64_t pass,
				    uint32_t lane)
{
	uint64_t key = oracle_mix(o->seed ^ oracle_mix(vcpu + 1ull));

	if (order->pattern == ORACLE_SEQUENTIAL ||
	    order->pattern == ORACLE_STRIDED) {
		p->nr = nr;
		p->stride = order->pattern == ORACLE_STRIDED
				    ? oracle_min(order->stride_pages, nr)
				    : 1;
		return;
	}
	key = oracle_mix(
		key ^ oracle_mix(pass * 2 + lane + o->epoch * 0x9e3779b9ull));
	oracle_perm_init_random(p, nr, key);
}

/* The first nr % stride columns have one page more than the others. */
static inline uint64_t oracle_stride_apply(const struct oracle_perm *p,
					   uint64_t x)
{
	uint64_t rows = p->nr / p->stride, longer = p->nr % p->stride;
	uint64_t split = longer * (rows + 1);

	if (x < split)
		return x / (rows + 1) + x % (rows + 1) * p->stride;
	x -= split;
	return longer + x / rows + x % rows * p->stride;
}

static inline uint64_t oracle_stride_invert(const struct oracle_perm *p,
					    uint64_t x)
{
	uint64_t rows = p->nr / p->stride, longer = p->nr % p->stride;
	uint64_t column = x % p->stride, row = x / p->stride;

	return column * rows + oracle_min(column, longer) + row;
}

/* Position @x in the pass -> page of the slice. */
static inline uint64_t oracle_perm_apply(const struct oracle_perm *p,
					 uint64_t x)
{
	uint32_t i;

	if (p->stride)
		return p->stride == 1 ? x : oracle_stride_apply(p, x);
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

	if (p->stride)
		return p->stride == 1 ? x : oracle_stride_invert(p, x);
	do {
		for (i = 3; i-- > 0;) {
			x = (x - p->add[i]) & p->mask;
			x ^= x >> p->shift;
			x = (x * p->inverse[i]) & p->mask;
		}
	} while (x >= p->nr);
	return x;
}

#endif
