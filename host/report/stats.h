/* SPDX-License-Identifier: MIT */
/* Summary of a handful of measurements. Pure. */
#ifndef VMFERRY_REPORT_STATS_H
#define VMFERRY_REPORT_STATS_H

#include <stddef.h>

/* With n = 0 all figures are 0 and mean nothing. */
struct stats {
	size_t n;
	double min;
	double median; /* of an even n: the mean of the middle two */
	double mean;
	double stddev; /* of the sample (n - 1); 0 for n = 1 */
	double p99; /* nearest rank: the smallest with 99 % at or below it */
	double max;
};

/**
 * stats_compute() - summarise @values.
 * @values: @nr of them, in any order; sorted in place.
 * @ret_stats: untouched on failure.
 *
 * Return: 0, or -EINVAL if one is infinite or no number.
 */
int stats_compute(double *values, size_t nr, struct stats *ret_stats);

#endif
