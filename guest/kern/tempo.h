/* SPDX-License-Identifier: MIT */
/*
 * When a vCPU works and in which order: phases and bursts. Each vCPU looks at
 * the TSC by itself; nobody is told.
 */
#ifndef VMFERRY_GUEST_TEMPO_H
#define VMFERRY_GUEST_TEMPO_H

#include "x86/cpu.h"

/* A new epoch's tempo stands in the control area. First vCPU. */
void tempo_prepare(void);

/* Before the first step of an epoch: no change of order yet. */
void tempo_reset(struct cpu *cpu);

/*
 * What the time says: phase, order, pace, rest. Sets cpu->resting and
 * cpu->change_tsc, at which this is to be called again; 0 = never.
 */
void tempo_look(struct cpu *cpu, uint64_t now);

#endif
