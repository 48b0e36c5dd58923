/* SPDX-License-Identifier: MIT */
/* Order statistics of measured times. */
#include "lib/spread.h"

/* Shell sort: short, and fast enough for so few. */
static void sort(uint32_t *values, uint32_t nr)
{
	uint32_t gap, i, j;

	for (gap = nr / 2; gap; gap /= 2) {
		for (i = gap; i < nr; i++) {
			uint32_t value = values[i];

			for (j = i; j >= gap && values[j - gap] > value;
			     j -= gap)
				values[j] = values[j - gap];
			values[j] = value;
		}
	}
}

static uint32_t rank(const uint32_t *values, uint32_t nr, uint32_t pct)
{
	return values[(nr * pct + 99) / 100 - 1];
}

void spread_compute(uint32_t *values, uint32_t nr, struct spread *ret)
{
	sort(values, nr);
	ret->min = values[0];
	ret->p50 = rank(values, nr, 50);
	ret->p90 = rank(values, nr, 90);
	ret->p99 = rank(values, nr, 99);
	ret->max = values[nr - 1];
}
