/* SPDX-License-Identifier: MIT */
/* Confidence interval of paired differences, by signed ranks. */
#include "report/paired.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>

#include "report/stats.h"

#define EXACT_PAIRS 50u
#define EXACT_SUMS (EXACT_PAIRS * (EXACT_PAIRS + 1) / 2 + 1)
#define TAIL 0.025
#define TAIL_SIGMAS 1.959963984540054

/* Largest k with P(rank sum <= k - 1) <= 2.5 %; 0 = there is none. */
static uint64_t exact_rank(size_t n)
{
	/* Of the 2^n sets of signs, those with each rank sum. */
	double sets[EXACT_SUMS] = { 1 }, below = 0, all = ldexp(1, (int)n);
	size_t rank, sum, top = 0;
	uint64_t k = 0;

	for (rank = 1; rank <= n; rank++) {
		top += rank;
		for (sum = top; sum >= rank; sum--)
			sets[sum] += sets[sum - rank];
	}
	while (below + sets[k] <= TAIL * all)
		below += sets[k++];
	return k;
}

static uint64_t approximate_rank(double n)
{
	double mean = n * (n + 1) / 4;
	double sigma = sqrt(n * (n + 1) * (2 * n + 1) / 24);

	return (uint64_t)(mean - TAIL_SIGMAS * sigma);
}

/* How many of the means of @x[i] and @x[j], i <= j, are at most @limit? */
static uint64_t count_means(const double *x, size_t n, double limit)
{
	uint64_t count = 0;
	size_t i, j = n;

	/* The greater x[i], the fewer partners it has. */
	for (i = 0; i < n; i++) {
		while (j > 0 && x[i] / 2 + x[j - 1] / 2 > limit)
			j--;
		if (j <= i)
			break;
		count += j - i;
	}
	return count;
}

/* The @k-th smallest mean: the least number with that many at or below it. */
static double nth_mean(const double *x, size_t n, uint64_t k)
{
	double low = x[0], high = x[n - 1], middle;

	if (count_means(x, n, low) >= k)
		return low;
	for (;;) {
		middle = low / 2 + high / 2;
		if (middle <= low || middle >= high)
			return high;
		if (count_means(x, n, middle) >= k)
			high = middle;
		else
			low = middle;
	}
}

int paired_compute(double *differences, size_t nr, struct paired *ret)
{
	struct stats stats;
	struct paired p = { .n = nr };
	uint64_t k;

	if (!nr || stats_compute(differences, nr, &stats))
		return -EINVAL;
	p.median = stats.median;
	k = nr <= EXACT_PAIRS ? exact_rank(nr) : approximate_rank((double)nr);
	p.has_interval = k;
	if (k) {
		p.low = nth_mean(differences, nr, k);
		p.high = nth_mean(differences, nr,
				  (uint64_t)nr * (nr + 1) / 2 + 1 - k);
	}
	*ret = p;
	return 0;
}
