/* SPDX-License-Identifier: MIT */
/* What the benchmarks share. */
#include "perf/perf.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hugepages.h"

#define MIB2 (2ull << 20)
#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double perf_quantile(double *values, unsigned int nr, double share)
{
	unsigned int at = (unsigned int)(share * nr);

	qsort(values, nr, sizeof(*values), by_value);
	return values[at < nr ? at : nr - 1];
}

double perf_median(double *values, unsigned int nr)
{
	double upper = perf_quantile(values, nr, 0.5);

	return nr % 2 ? upper : (values[nr / 2 - 1] + upper) / 2;
}

void perf_print_load(FILE *f)
{
	double load[3];

	if (getloadavg(load, 3) == 3)
		fprintf(f, "load %.2f %.2f %.2f\n", load[0], load[1], load[2]);
	fflush(f);
}

uint64_t perf_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

long perf_lend_pages(uint64_t mib)
{
	struct hugepages before = { 0 };
	FILE *f;

	if (hugepages_read(MIB2, &before))
		return -1;
	f = fopen(POOL, "we");
	if (!f)
		return -1;
	fprintf(f, "%llu", (unsigned long long)(before.nr + mib / 2));
	fclose(f);
	return (long)before.nr;
}

void perf_give_back(long nr)
{
	FILE *f = nr < 0 ? NULL : fopen(POOL, "we");

	if (!f)
		return;
	fprintf(f, "%ld", nr);
	fclose(f);
}
