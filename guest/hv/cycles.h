/* SPDX-License-Identifier: MIT */
/* Exit timing: what an intercepted instruction costs. */
#ifndef VMFERRY_GUEST_CYCLES_H
#define VMFERRY_GUEST_CYCLES_H

#include <stdint.h>

#define CYCLES_MAX_ROUNDS 2000u

struct cycles_figures {
	uint32_t min, p50, p99; /* TSC ticks */
};

/* Time @rounds (1..CYCLES_MAX_ROUNDS) of cpuid in each ring. First vCPU. */
void cycles_cpuid(uint32_t rounds, struct cycles_figures *ret_ring0,
		  struct cycles_figures *ret_ring3);

#endif
