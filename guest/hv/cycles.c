/* SPDX-License-Identifier: MIT */
/* Exit timing. Sorting and, for ring 3, timing run in ring 3. */
#include "hv/cycles.h"

#include "x86/cpu.h"

static struct {
	uint32_t rounds;
	uint32_t ticks[CYCLES_MAX_ROUNDS];
} probe;

static uint64_t probe_run(void *arg)
{
	uint32_t i;

	(void)arg;
	for (i = 0; i < probe.rounds; i++) {
		uint64_t start = rdtsc(), ticks;

		cpuid(0, 0);
		ticks = rdtsc() - start;
		probe.ticks[i] =
			ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
	}
	return 0;
}

/* Shell sort: short, and fast enough for so few. */
static uint64_t probe_sort(void *arg)
{
	uint32_t gap, i, j;

	(void)arg;
	for (gap = probe.rounds / 2; gap; gap /= 2) {
		for (i = gap; i < probe.rounds; i++) {
			uint32_t value = probe.ticks[i];

			for (j = i; j >= gap && probe.ticks[j - gap] > value;
			     j -= gap)
				probe.ticks[j] = probe.ticks[j - gap];
			probe.ticks[j] = value;
		}
	}
	return 0;
}

static void probe_figures(struct cycles_figures *ret)
{
	user_enter(probe_sort, NULL);
	ret->min = probe.ticks[0];
	ret->p50 = probe.ticks[probe.rounds / 2];
	ret->p99 = probe.ticks[probe.rounds * 99 / 100];
}

void cycles_cpuid(uint32_t rounds, struct cycles_figures *ret_ring0,
		  struct cycles_figures *ret_ring3)
{
	probe.rounds = rounds;
	probe_run(NULL);
	probe_figures(ret_ring0);
	user_enter(probe_run, NULL);
	probe_figures(ret_ring3);
}
