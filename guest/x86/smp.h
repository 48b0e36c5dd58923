/* SPDX-License-Identifier: MIT */
/* All vCPUs: bringing them up, and having them do something. */
#ifndef VMFERRY_GUEST_SMP_H
#define VMFERRY_GUEST_SMP_H

#include "lib/rammap.h"
#include "x86/cpu.h"

/**
 * smp_init() - note the vCPUs that there shall be.
 * @ids: APIC IDs; the running vCPU's may be among them or not.
 * @nr: how many, with the running one, which becomes vCPU 0.
 * @areas: (@nr - 1) * CPU_BYTES, aligned to CPU_BYTES, zeroed.
 */
void smp_init(const uint8_t *ids, uint32_t nr, uint64_t areas);

/**
 * smp_start() - start the other vCPUs by INIT and SIPI.
 * @trampoline: a page below 1 MiB that nobody uses.
 *
 * Return: vCPUs that run, the first one included.
 */
uint32_t smp_start(uint64_t trampoline);

uint32_t smp_nr_cpus(void);
struct cpu *smp_cpu(uint32_t index);

/**
 * smp_call_all() - run @fn on every vCPU, at a step boundary of each.
 *
 * Context: the first vCPU, ring 0. It runs its own @fn and then halts until
 * all have done theirs.
 */
void smp_call_all(void (*fn)(struct cpu *cpu));

/* Have another vCPU run @fn likewise, and go on; and wait until it has. */
void smp_post(struct cpu *cpu, void (*fn)(struct cpu *cpu));
void smp_wait(const struct cpu *cpu);

/* Do the job that smp_call_all() left for this vCPU, if there is one. */
void smp_take_job(struct cpu *cpu);

/* Have the first vCPU look around. */
void smp_wake_first(void);

#endif
