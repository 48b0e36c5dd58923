/* SPDX-License-Identifier: MIT */
/*
 * The workload with an L2 in it, whichever way the CPU virtualizes: on the first
 * vCPU L2 makes rounds while the guest is migrated. A round plants a pattern of
 * its number in all registers and asks L1 by CPUID, which answers with its own
 * count of exits: what is lost, doubled or changed on the way is seen at once.
 *
 * Context of all of this: the first vCPU, ring 0.
 */
#ifndef VMFERRY_GUEST_L2_WORK_H
#define VMFERRY_GUEST_L2_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/options.h"

struct cpu;

/* Why this CPU has no L2 as @options want it; NULL = it has, or need not. */
const char *l2_work_missing(const struct work_options *options);

/* The epoch of @options begins. */
void l2_work_open(const struct work_options *options);
/* It ends: what was only prepared is used once. Does nothing if not open. */
void l2_work_close(void);

/* Does L2 run while the workload does? */
bool l2_work_on(void);
/* Is L1 a hypervisor for the workload, L2 running or not? */
bool l2_work_is_open(void);

/* As work_run() in ring 3, L2's share with it. Return: enum work_result. */
uint64_t l2_work_run(struct cpu *cpu);
/* As a halt: L2's rounds until there is an interrupt. */
void l2_work_rest(struct cpu *cpu);

/* Tell what is new on the console. */
void l2_work_poll(void);

#endif
