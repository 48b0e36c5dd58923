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
 * worker_set_rate() - pace a vCPU from now on.
 * @rate_bytes_per_s: of all vCPUs together; 0 = as fast as it goes.
 * @nr_pages: of the whole working set; the vCPU gets its slice's share.
 */
void worker_set_rate(struct cpu *cpu, uint64_t rate_bytes_per_s,
		     uint64_t nr_pages);

#endif
