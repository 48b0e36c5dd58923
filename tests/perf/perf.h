/* SPDX-License-Identifier: MIT */
/* What the benchmarks share: figures of several turns, load, CPU time. */
#ifndef VMFERRY_TESTS_PERF_H
#define VMFERRY_TESTS_PERF_H

#include <stdint.h>
#include <stdio.h>

/* Nearest rank of @values, which is sorted in place; @nr at least 1. */
double perf_quantile(double *values, unsigned int nr, double share);
double perf_median(double *values, unsigned int nr);

/* One line: the load averages. A figure from a busy machine is worth little. */
void perf_print_load(FILE *f);

/* User and system time of this process so far, all threads. */
uint64_t perf_cpu_ns(void);

/* @mib more in huge pages of 2 MiB; root may. Return: how many there were, for
 * perf_give_back(), which takes -1 (could not) too. */
long perf_lend_pages(uint64_t mib);
void perf_give_back(long nr);

#endif
