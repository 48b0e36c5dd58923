/* SPDX-License-Identifier: MIT */
/* Order statistics and moments of a few doubles. */
#include "report/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double mean_of(const double *values, size_t nr)
{
	double mean = 0;
	size_t i;

	/* Step by step: the sum of large values could overflow. */
	for (i = 0; i < nr; i++)
		mean += values[i] / (double)nr;
	return mean;
}

static double stddev_of(const double *values, size_t nr, double mean)
{
	double sum = 0;
	size_t i;

	if (nr < 2)
		return 0;
	for (i = 0; i < nr; i++)
		sum += (values[i] - mean) * (values[i] - mean);
	return sqrt(sum / (double)(nr - 1));
}

static double median_of(const double *sorted, size_t nr)
{
	double low = sorted[(nr - 1) / 2], high = sorted[nr / 2];

	return low + (high - low) / 2;
}

int stats_compute(double *values, size_t nr, struct stats *ret_stats)
{
	struct stats s = { .n = nr };
	size_t i;

	for (i = 0; i < nr; i++)
		if (!isfinite(values[i]))
			return -EINVAL;
	if (nr) {
		qsort(values, nr, sizeof(*values), compare);
		s.min = values[0];
		s.max = values[nr - 1];
		s.median = median_of(values, nr);
		s.p99 = values[(99 * nr + 99) / 100 - 1];
		s.mean = mean_of(values, nr);
		s.stddev = stddev_of(values, nr, s.mean);
	}
	*ret_stats = s;
	return 0;
}
