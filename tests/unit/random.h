/* SPDX-License-Identifier: MIT */
/* Random numbers for property tests: the same ones in every run. */
#ifndef VMFERRY_TESTS_UNIT_RANDOM_H
#define VMFERRY_TESTS_UNIT_RANDOM_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t x = rng->state += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* 0..@below - 1 */
static inline uint64_t rng_below(struct rng *rng, uint64_t below)
{
	return rng_next(rng) % below;
}

#endif
