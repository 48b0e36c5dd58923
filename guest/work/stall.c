/* SPDX-License-Identifier: MIT */
/* The longest gaps: the shortest of them makes room for a longer one. */
#include "work/stall.h"

static uint64_t length(const struct abi_gap *g)
{
	return g->step ? g->end_tsc - g->start_tsc : 0;
}

void stall_keep(struct abi_stall *s, uint64_t start, uint64_t end,
		uint64_t step)
{
	uint32_t i, shortest = 0;
	uint64_t floor = UINT64_MAX;

	for (i = 1; i < ABI_STALL_GAPS; i++)
		if (length(&s->gap[i]) < length(&s->gap[shortest]))
			shortest = i;
	s->gap[shortest] = (struct abi_gap){ start, end, step };
	if (end - start > s->max_ticks)
		s->max_ticks = end - start;
	for (i = 0; i < ABI_STALL_GAPS; i++)
		if (length(&s->gap[i]) < floor)
			floor = length(&s->gap[i]);
	s->floor_ticks = floor;
}
