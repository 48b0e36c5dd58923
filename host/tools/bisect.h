/* SPDX-License-Identifier: MIT */
/*
 * The greatest value that passes, by bisection, where each value is tried
 * several times because the answers are noisy. Pure.
 */
#ifndef VMFERRY_TOOLS_BISECT_H
#define VMFERRY_TOOLS_BISECT_H

#include <stdbool.h>
#include <stdint.h>

struct bisect_params {
	uint64_t min, max; /* 1 <= min <= max; both ends are tried */
	/* It is over when the lowest that fails is at most 1 + this times the
	 * highest that passes; above 0. */
	double resolution;
	/* A value passes when @need of @tries tries do; 1 <= need <= tries.
	 * It is not tried again once that is settled. */
	unsigned int tries, need;
};

struct bisect {
	struct bisect_params params;
	/* Highest that passed, lowest that failed; 0 = none so far. */
	uint64_t passed, failed;
	uint64_t value; /* that is on trial; 0 = it is over */
	unsigned int nr_passed, nr_failed; /* tries of it */
};

void bisect_init(struct bisect *b, const struct bisect_params *params);

/**
 * bisect_tell() - what a try of b->value gave; b->value is then the next.
 *
 * First the lower end: if it fails, none passes (b->passed stays 0). Then the
 * upper end: if it passes, all do (b->failed stays 0). Else the geometric
 * middle of what is left. That a value below one that passes would pass too is
 * taken for granted, not tried.
 *
 * Return: was that the last try of its value?
 */
bool bisect_tell(struct bisect *b, bool passes);

/* Values that are tried at most. */
unsigned int bisect_max_values(const struct bisect_params *params);

#endif
