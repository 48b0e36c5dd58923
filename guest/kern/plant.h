/* SPDX-License-Identifier: MIT */
/*
 * The vCPU state check: known values in every part of a vCPU's state that
 * nobody else uses, to be found again after a migration.
 */
#ifndef VMFERRY_GUEST_PLANT_H
#define VMFERRY_GUEST_PLANT_H

#include <stddef.h>

#include "x86/cpu.h"

/* Plant on the running vCPU, at a step boundary. */
void plant_set(struct cpu *cpu);

/* Compare; then take back what was planted. Results in cpu->plant. */
void plant_check(struct cpu *cpu);

/* A halt with planted general registers. */
void plant_halt(struct cpu *cpu);

/* Name of item @bit; NULL past the last one. */
const char *plant_name(uint32_t bit);

#endif
