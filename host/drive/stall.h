/* SPDX-License-Identifier: MIT */
/* The guest's stall logs, read: percentiles and the longest gaps. */
#ifndef VMFERRY_DRIVE_STALL_H
#define VMFERRY_DRIVE_STALL_H

#include <stdint.h>

#include "drive/guest_view.h"

/* One vCPU's pause between two steps. */
struct stall_gap {
	uint32_t vcpu;
	uint64_t start_tsc;
	uint64_t end_tsc;
	uint64_t step; /* the step that ended late */
};

/**
 * stall_percentile_ns() - time between steps that @pct percent stay within.
 * @vcpu: one vCPU, or nr_vcpus for all together.
 * @pct: above 0, at most 100.
 *
 * Return: the upper edge of the bucket, at most the longest gap (to 0.8 %);
 * 0 if there was no step.
 */
uint64_t stall_percentile_ns(const struct guest_view *view, uint32_t vcpu,
			     double pct);

/**
 * stall_longest() - the longest gaps of all vCPUs, longest first.
 * @ret: room for @max.
 *
 * Return: how many there are, at most @max.
 */
unsigned int stall_longest(const struct guest_view *view, struct stall_gap *ret,
			   unsigned int max);

#endif
