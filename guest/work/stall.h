/* SPDX-License-Identifier: MIT */
/* The stall log: time between steps (abi/control.h). */
#ifndef VMFERRY_GUEST_STALL_H
#define VMFERRY_GUEST_STALL_H

#include "control.h"

/* Keep one of the longest gaps. */
void stall_keep(struct abi_stall *s, uint64_t start, uint64_t end,
		uint64_t step);

static inline __attribute__((always_inline)) void
stall_record(struct abi_stall *s, uint64_t start, uint64_t end, uint64_t step)
{
	/* A TSC that stepped back counts as no time at all. */
	uint64_t gap = end > start ? end - start : 0;

	s->nr_steps++;
	s->sum_ticks += gap;
	s->bucket[abi_stall_bucket(gap)]++;
	if (__builtin_expect(gap > s->floor_ticks, 0))
		stall_keep(s, start, end, step);
}

#endif
