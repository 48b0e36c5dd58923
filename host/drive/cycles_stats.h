/* SPDX-License-Identifier: MIT */
/* What the times of an exit probe say: order statistics. Pure. */
#ifndef VMFERRY_DRIVE_CYCLES_STATS_H
#define VMFERRY_DRIVE_CYCLES_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Times in ticks; with nr = 0 they mean nothing. */
struct cycles_stats {
	size_t nr;
	uint32_t min, p50, p90, p99, max; /* nearest rank */
	/*
	 * Half the width of the 95 % confidence interval of the median, in
	 * per cent of it. 100 while there are too few for an interval; 0 for
	 * a median of 0.
	 */
	double spread_pct;
};

/* @ticks: @nr of them, in any order; sorted in place.
 * Source: David, Nagaraja, Order Statistics, 7.1: the median lies between the
 * values of ranks n/2 -+ 0.98 sqrt(n) with 95 %. */
void cycles_stats_compute(uint32_t *ticks, size_t nr,
			  struct cycles_stats *ret_stats);

/* A bucket of the histogram: values from @from on, to below the next one's
 * possible place; at most 0.8 % wide, exact below 128. */
struct cycles_bucket {
	uint32_t from;
	uint32_t count;
};

/**
 * cycles_histogram() - count values in logarithmic buckets.
 * @ticks: sorted.
 * @ret: room for @room; only buckets that hold something. The last one takes
 *	all that finds no room.
 *
 * Return: how many buckets.
 */
size_t cycles_histogram(const uint32_t *ticks, size_t nr,
			struct cycles_bucket *ret, size_t room);

enum cycles_turn {
	CYCLES_TURN_GOOD,
	CYCLES_TURN_DISTURBED, /* it is not to count */
	CYCLES_TURN_BETTER, /* those before it are not to count */
};

/**
 * cycles_judge_turn() - was the host disturbed, by the turn's own empty loop?
 * @empty: its median.
 * @least: the least of the turns that count; kept here.
 * @first: there are none yet.
 *
 * An empty loop costs the same each time: one that took 2 % longer ran beside
 * something. So few ticks as a TSC may count in one step say nothing.
 */
enum cycles_turn cycles_judge_turn(uint32_t empty, uint32_t *least, bool first);

#endif
