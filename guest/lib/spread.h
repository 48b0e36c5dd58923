/* SPDX-License-Identifier: MIT */
/* How a handful of measured times spreads. */
#ifndef VMFERRY_GUEST_SPREAD_H
#define VMFERRY_GUEST_SPREAD_H

#include <stdint.h>

struct spread {
	uint32_t min, p50, p90, p99, max;
};

/* @values: @nr of them, at least 1; sorted in place. Percentiles by nearest
 * rank: the least value with so many per cent at or below it. */
void spread_compute(uint32_t *values, uint32_t nr, struct spread *ret);

#endif
