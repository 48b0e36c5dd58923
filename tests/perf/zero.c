/* SPDX-License-Identifier: MIT */
/*
 * How fast does each way see that a page is zero, and that it is not?
 *
 * Usage: zero [MiB [repeats]]. The best of the repeats: GiB/s of zero pages,
 * and ns a page where the first line tells.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "migrate/zero.h"

#define PAGE_BYTES 4096u

#define MAX_VARIANTS 8u

/* Seconds for all of @memory; @ret_zeros: the pages that it found zero. */
static double once(const struct zero_variant *v, const uint8_t *memory,
		   size_t bytes, size_t *ret_zeros)
{
	uint64_t begin_ns = clock_now_ns();
	size_t at, zeros = 0;

	for (at = 0; at < bytes; at += PAGE_BYTES)
		zeros += v->is_zero(memory + at);
	*ret_zeros = zeros;
	return (double)(clock_now_ns() - begin_ns) / 1e9;
}

/* All by turns, so that what the host does to one it does to all. Return:
 * did each find @zeros? */
static bool best_of(const uint8_t *memory, size_t bytes, int repeats,
		    size_t zeros, double best[MAX_VARIANTS])
{
	size_t i, found;

	for (i = 0; i < zero_nr_variants; i++)
		best[i] = 1e9;
	while (repeats--)
		for (i = 0; i < zero_nr_variants; i++) {
			double took;

			if (!zero_variants[i].supported())
				continue;
			took = once(&zero_variants[i], memory, bytes, &found);
			if (found != zeros)
				return false;
			if (took < best[i])
				best[i] = took;
		}
	return true;
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 256;
	int repeats = argc > 2 ? atoi(argv[2]) : 7;
	size_t bytes = mib << 20, pages = bytes / PAGE_BYTES, i;
	double empty_s[MAX_VARIANTS], used_s[MAX_VARIANTS];
	uint8_t *memory;

	if (!mib || repeats < 1 || zero_nr_variants > MAX_VARIANTS)
		return 2;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		return 99;
	if (!best_of(memory, bytes, repeats, pages, empty_s))
		return 1;
	memset(memory, 1, bytes);
	if (!best_of(memory, bytes, repeats, 0, used_s))
		return 1;
	for (i = 0; i < zero_nr_variants; i++) {
		const struct zero_variant *v = &zero_variants[i];

		if (v->supported())
			printf("%-8s %6.1f GiB/s of zero pages, %5.1f ns a "
			       "page in use%s\n",
			       v->name, (double)bytes / (1u << 30) / empty_s[i],
			       used_s[i] * 1e9 / (double)pages,
			       v == zero_best() ? " (chosen)" : "");
	}
	return 0;
}
