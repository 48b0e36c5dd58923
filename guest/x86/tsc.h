/* SPDX-License-Identifier: MIT */
/* The TSC's frequency. */
#ifndef VMFERRY_GUEST_TSC_H
#define VMFERRY_GUEST_TSC_H

#include <stdbool.h>
#include <stdint.h>

/* Find the frequency: CPUID leaves, the hypervisor's clock, else the PIT. */
void tsc_init(void);

uint64_t tsc_hz(void);
uint64_t tsc_to_us(uint64_t ticks);

/**
 * kvmclock_switch() - have KVM keep its clock's page for this vCPU, or not.
 *
 * Return: true if it does.
 */
bool kvmclock_switch(bool on);

/* KVM's clock; kvmclock_switch(true) before. */
uint64_t kvmclock_ns(void);

#endif
