/* SPDX-License-Identifier: MIT */
/* What each vCPU does all day: jobs, workload, pacing, halting. */
#ifndef VMFERRY_GUEST_WORKER_H
#define VMFERRY_GUEST_WORKER_H

#include "x86/cpu.h"

/* Per-vCPU state that is best filled in ring 3. After desc_load(). */
void worker_init(struct cpu *cpu);

/* Never returns. On the first vCPU it serves the console too. */
void worker_loop(struct cpu *cpu) __attribute__((noreturn));

/**
 * worker_set_rate() - pace a vCPU from now on, as its phase's tempo says.
 */
void worker_set_rate(struct cpu *cpu);

#endif
