/* SPDX-License-Identifier: MIT */
/* The TSC's frequency. */
#ifndef VMFERRY_GUEST_TSC_H
#define VMFERRY_GUEST_TSC_H

#include <stdint.h>

/* Find the frequency: CPUID leaves, the hypervisor's clock, else the PIT. */
void tsc_init(void);

uint64_t tsc_hz(void);
uint64_t tsc_to_us(uint64_t ticks);

#endif
