/* SPDX-License-Identifier: MIT */
/* GDT and TSS per vCPU, one IDT for all. */
#ifndef VMFERRY_GUEST_DESC_H
#define VMFERRY_GUEST_DESC_H

#include "x86/cpu.h"

/* Fill the IDT. Once, before any desc_load(). */
void desc_init(void);

/* Interrupt @vector enters at @handler, in ring 0, on all vCPUs. */
void desc_set_interrupt(uint32_t vector, uint64_t handler);

/* Build and load GDT, TSS and IDT of the running vCPU. */
void desc_load(struct cpu *cpu);

#endif
