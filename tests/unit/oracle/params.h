/* SPDX-License-Identifier: MIT */
/* Random but valid parameters of an epoch. */
#ifndef VMFERRY_TESTS_UNIT_ORACLE_PARAMS_H
#define VMFERRY_TESTS_UNIT_ORACLE_PARAMS_H

#include "../random.h"
#include "oracle.h"

/* Cuts @nr_pages into 1..8 ranges with gaps, in any order. */
static inline void params_ranges(struct rng *rng, struct oracle *o,
				 uint64_t nr_pages)
{
	uint64_t most =
		nr_pages < ABI_MAX_WORK_RANGES ? nr_pages : ABI_MAX_WORK_RANGES;
	uint64_t gfn = 256 + rng_below(rng, 1000), left = nr_pages;
	uint32_t i, nr = 1 + (uint32_t)rng_below(rng, most);

	o->nr_pages = nr_pages;
	o->nr_ranges = nr;
	for (i = 0; i < nr; i++) {
		struct oracle_range *r = &o->range[i];

		r->nr_pages = i + 1 == nr
				      ? left
				      : 1 + rng_below(rng, left - (nr - i - 1));
		r->gfn = gfn;
		left -= r->nr_pages;
		gfn += r->nr_pages + rng_below(rng, 50);
	}
	for (i = 0; i + 1 < nr; i++) {
		uint32_t j = i + (uint32_t)rng_below(rng, nr - i);
		struct oracle_range swap = o->range[i];

		o->range[i] = o->range[j];
		o->range[j] = swap;
	}
}

static inline struct oracle_order params_order(struct rng *rng)
{
	struct oracle_order r = { 1 + (uint32_t)rng_below(rng, 5), 0, 0, 0 };

	if (r.pattern == ORACLE_STRIDED)
		r.stride_pages = 1 + (uint32_t)(rng_next(rng) >>
						(33 + rng_below(rng, 31)));
	if (r.pattern == ORACLE_HOTCOLD) {
		r.hot_pages_pct = 1 + (uint32_t)rng_below(rng, 99);
		r.hot_steps_pct = 1 + (uint32_t)rng_below(rng, 99);
	}
	return r;
}

static inline struct oracle params_random(struct rng *rng, uint64_t nr_pages,
					  uint32_t nr_vcpus)
{
	struct oracle o = {
		.seed = rng_next(rng),
		.epoch = 1 + (uint32_t)rng_below(rng, 100000),
		.nr_vcpus = nr_vcpus,
		.nr_orders = 1 + (uint32_t)rng_below(rng, ORACLE_MAX_ORDERS),
		.write = 1 + (uint32_t)rng_below(rng, 3),
		.content = 1 + (uint32_t)rng_below(rng, 5),
		.ratio = 1 + (uint32_t)rng_below(rng, ORACLE_MAX_RATIO),
	};
	uint32_t i;

	for (i = 0; i < o.nr_orders; i++)
		o.order[i] = params_order(rng);
	if (o.write == ORACLE_WRITE_PAGE && rng_below(rng, 2))
		o.delta_bytes = 64 * (1 + (uint32_t)rng_below(rng, 64));
	params_ranges(rng, &o, nr_pages);
	return o;
}

/* One page, two, primes, powers of two and their neighbours, odd sizes. */
static const uint64_t params_sizes[] = {
	1,   2,	  3,   4,   5,	 7,   8,   9,	13,   15,   16,	  17,	31,
	32,  33,  61,  63,  64,	 65,  97,  100, 127,  128,  129,  191,	255,
	256, 257, 509, 511, 512, 513, 600, 997, 1000, 1023, 1024, 1025, 1536,
};
#define PARAMS_NR_SIZES (sizeof(params_sizes) / sizeof(params_sizes[0]))

static const uint32_t params_vcpus[] = { 1, 2, 3, 5, 8, 16, 31, 64 };
#define PARAMS_NR_VCPUS (sizeof(params_vcpus) / sizeof(params_vcpus[0]))

/* Calls @test for each size and vCPU count, three seeds each. */
static inline void params_for_all(void (*test)(struct rng *rng,
					       const struct oracle *o))
{
	struct rng rng = { 1 };
	size_t i, j, k;

	for (i = 0; i < PARAMS_NR_SIZES; i++) {
		for (j = 0; j < PARAMS_NR_VCPUS; j++) {
			for (k = 0; k < 3; k++) {
				struct oracle o = params_random(
					&rng, params_sizes[i], params_vcpus[j]);

				assert_true(oracle_valid(&o));
				test(&rng, &o);
			}
		}
	}
}

#define FOR_ALL(name)                                                          \
	static void test_##name(void **state)                                  \
	{                                                                      \
		params_for_all(name);                                          \
	}

#endif
