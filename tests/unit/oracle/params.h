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

static inline struct oracle params_random(struct rng *rng, uint64_t nr_pages,
					  uint32_t nr_vcpus)
{
	struct oracle o = {
		.seed = rng_next(rng),
		.epoch = 1 + (uint32_t)rng_below(rng, 100000),
		.nr_vcpus = nr_vcpus,
		.pattern = 1 + (uint32_t)rng_below(rng, 2),
		.write = 1 + (uint32_t)rng_below(rng, 2),
		.content = 1 + (uint32_t)rng_below(rng, 3),
		.ratio = 1 + (uint32_t)rng_below(rng, ORACLE_MAX_RATIO),
	};

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

#endif
