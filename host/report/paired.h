/* SPDX-License-Identifier: MIT */
/* What paired measurements say of the difference between two settings. Pure. */
#ifndef VMFERRY_REPORT_PAIRED_H
#define VMFERRY_REPORT_PAIRED_H

#include <stdbool.h>
#include <stddef.h>

#define PAIRED_METHOD "Wilcoxon signed-rank (Walsh averages)"
/* With fewer pairs no interval has 95 %. */
#define PAIRED_MIN_PAIRS 6u

struct paired {
	size_t n;
	double median; /* of the differences */
	bool has_interval; /* n is large enough */
	double low, high; /* at least 95 % confidence */
};

/**
 * paired_compute() - median difference and its confidence interval.
 * @differences: @nr finite numbers, B - A of each pair; sorted in place.
 * @ret: untouched on failure.
 *
 * The interval is the one that inverts the Wilcoxon signed-rank test, between
 * the k-th smallest and the k-th largest of the means of all pairs of
 * differences; it takes their distribution for symmetric. k is exact up to 50
 * pairs, by the normal approximation beyond.
 *
 * Return: 0, or -EINVAL if one is infinite or no number, or there is none.
 * Source: Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3.3.
 */
int paired_compute(double *differences, size_t nr, struct paired *ret);

#endif
