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
 * worker_turn() - let the workload have a turn in the middle of a command.
 *
 * As many steps as its rate allows by now, at most @max_steps; none if it does
 * not run. Never halts. Context: the first vCPU, in a command.
 */
void worker_turn(struct cpu *cpu, uint64_t max_steps);

/**
 * worker_set_rate() - pace a vCPU from now on, as its phase's tempo says.
 */
void worker_set_rate(struct cpu *cpu);

#endif
