/* SPDX-License-Identifier: MIT */
/* Order statistics of an exit probe's times. */
#include "drive/cycles_stats.h"

#include <math.h>
#include <stdlib.h>

#include "control.h"

/* With fewer no two values enclose the median with 95 %. */
#define MIN_INTERVAL 6u

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t rank(const uint32_t *sorted, size_t nr, unsigned int pct)
{
	return sorted[(nr * pct + 99) / 100 - 1];
}

static double spread(const uint32_t *sorted, size_t nr, uint32_t median)
{
	double half = 0.98 * sqrt((double)nr);
	double low = floor((double)nr / 2 - half);
	double high = ceil((double)nr / 2 + half);

	if (nr < MIN_INTERVAL)
		return 100;
	if (!median)
		return 0;
	if (low < 0)
		low = 0;
	if (high > (double)nr - 1)
		high = (double)nr - 1;
	return 50 * (double)(sorted[(size_t)high] - sorted[(size_t)low]) /
	       median;
}

void cycles_stats_compute(uint32_t *ticks, size_t nr,
			  struct cycles_stats *ret_stats)
{
	*ret_stats = (struct cycles_stats){ .nr = nr, .spread_pct = 100 };
	if (!nr)
		return;
	qsort(ticks, nr, sizeof(*ticks), compare);
	ret_stats->min = ticks[0];
	ret_stats->p50 = rank(ticks, nr, 50);
	ret_stats->p90 = rank(ticks, nr, 90);
	ret_stats->p99 = rank(ticks, nr, 99);
	ret_stats->max = ticks[nr - 1];
	ret_stats->spread_pct = spread(ticks, nr, ret_stats->p50);
}

size_t cycles_histogram(const uint32_t *ticks, size_t nr,
			struct cycles_bucket *ret, size_t room)
{
	uint32_t bucket, last = UINT32_MAX;
	size_t used = 0, i;

	for (i = 0; i < nr; i++) {
		bucket = abi_stall_bucket(ticks[i]);
		if (bucket != last && used < room) {
			ret[used++] = (struct cycles_bucket){
				.from = (uint32_t)abi_stall_bucket_floor(
					bucket),
			};
			last = bucket;
		}
		if (used)
			ret[used - 1].count++;
	}
	return used;
}

/* Coarse TSCs count in steps of up to some tens. */
#define STEP_TICKS 64u

static bool stands_out(uint32_t empty, uint32_t from)
{
	return empty > from && empty - from > STEP_TICKS + from / 50;
}

enum cycles_turn cycles_judge_turn(uint32_t empty, uint32_t *least, bool first)
{
	uint32_t before = *least;

	if (first || empty < before)
		*least = empty;
	if (first)
		return CYCLES_TURN_GOOD;
	if (stands_out(empty, before))
		return CYCLES_TURN_DISTURBED;
	return stands_out(before, empty) ? CYCLES_TURN_BETTER
					 : CYCLES_TURN_GOOD;
}
