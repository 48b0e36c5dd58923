/* SPDX-License-Identifier: MIT */
/*
 * Exit probes: operations that cost an exit to the hypervisor, as tables, one
 * file for each family. A new family: its file, and a line in cycles.c.
 *
 * All of it runs on the first vCPU. What a table names for ring 3 is called
 * there too: no privileged instruction but those whose price is asked for.
 */
#ifndef VMFERRY_GUEST_PROBE_H
#define VMFERRY_GUEST_PROBE_H

#include <stdint.h>

#include "x86/cpu.h"

#define PROBE_RING0 1u
#define PROBE_RING3 2u
#define PROBE_BOTH 3u
/* Called in ring 0 all the same: it goes to ring 3 by itself. */
#define PROBE_ENTERS 4u
/* Not in the list. */
#define PROBE_HIDDEN 8u
/* Its ticks count from a time that was set: no loop is in them. */
#define PROBE_LATE 16u
/* Ring 0: also in a guest of the guest (nested.h). */
#define PROBE_L2 32u

/* No sample more can be had. */
#define PROBE_END UINT64_MAX

struct probe {
	const char *name; /* NULL ends the table */
	uint32_t rings;
	/* Ring 0: why this vCPU cannot do it; NULL = it can. May be NULL. */
	const char *(*missing)(void);
	/* Ring 0: before the rounds and after them; may be NULL. */
	void (*begin)(void);
	void (*undo)(void);
	/* One of the two: timed as a whole, or times itself (in ticks). */
	void (*op)(void);
	uint64_t (*sample)(void);
};

extern const struct probe probes_cpu[], probes_port[], probes_irq[],
	probes_ipi[], probes_memory[], probes_vmx[], probes_hyperv[];

/* The TSC, after all that comes before and before all that comes after.
 * Source: Intel SDM 2B, RDTSC; LFENCE serialises on AMD as Linux sets it up,
 * and where a hypervisor emulates it. */
static inline uint64_t probe_tsc(void)
{
	uint64_t tsc;

	lfence();
	tsc = rdtsc();
	lfence();
	return tsc;
}

/* Probe interrupts that this vCPU has taken. */
static inline uint32_t probe_taken(const struct cpu *cpu)
{
	return cpu->plant.nr_probes;
}

/* Spin until @cpu has taken more than @before; with @window in ring 0, where
 * interrupts come only if they are let in. Return: false after a second. */
bool probe_spin(const struct cpu *cpu, uint32_t before, bool window);

/* Until a vCPU that has nothing to do is in its halt again. */
void probe_settle(void);

/* For irq_probe(): a page that the interrupted vCPU shall forget; 0 = none. */
extern volatile uint64_t probe_flush_gva;

#endif
