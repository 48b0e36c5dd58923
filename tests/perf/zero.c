/* SPDX-License-Identifier: MIT */
/*
 * How fast does each way see that a page is zero, and that it is not?
 *
 * Usage: zero [MiB [repeats]]. The best of the repeats: GiB/s of zero pages,
 * and ns a page where the first line tells.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "migrate/zero.h"

#define PAGE_BYTES 4096u

static double best_s(const struct zero_variant *v, const uint8_t *memory,
		     size_t bytes, int repeats, size_t *ret_zeros)
{
	double best = 1e9, took;
	uint64_t begin_ns;
	size_t at;

	while (repeats--) {
		*ret_zeros = 0;
		begin_ns = clock_now_ns();
		for (at = 0; at < bytes; at += PAGE_BYTES)
			*ret_zeros += v->is_zero(memory + at);
		took = (double)(clock_now_ns() - begin_ns) / 1e9;
		if (took < best)
			best = took;
	}
	return best;
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 256;
	int repeats = argc > 2 ? atoi(argv[2]) : 7;
	size_t bytes = mib << 20, pages = bytes / PAGE_BYTES, i, zeros, none;
	uint8_t *memory;

	if (!mib || repeats < 1)
		return 2;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		return 99;
	for (i = 0; i < zero_nr_variants; i++) {
		const struct zero_variant *v = &zero_variants[i];
		double empty_s, used_s;

		if (!v->supported())
			continue;
		memset(memory, 0, bytes);
		empty_s = best_s(v, memory, bytes, repeats, &zeros);
		memset(memory, 1, bytes);
		used_s = best_s(v, memory, bytes, repeats, &none);
		if (zeros != pages || none)
			return 1;
		printf("%-8s %6.1f GiB/s of zero pages, %5.1f ns a page in use%s\n",
		       v->name, (double)bytes / (1u << 30) / empty_s,
		       used_s * 1e9 / (double)pages,
		       v == zero_best() ? " (chosen)" : "");
	}
	return 0;
}
