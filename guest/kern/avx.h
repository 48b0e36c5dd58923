/* SPDX-License-Identifier: MIT */
/* Turning on the state that the vCPU state check plants. */
#ifndef VMFERRY_GUEST_AVX_H
#define VMFERRY_GUEST_AVX_H

#include "x86/cpu.h"

/* AVX and AVX-512, where they are: cpu->plant.vector_level. Each vCPU, once. */
void avx_enable(struct cpu *cpu);

#endif
