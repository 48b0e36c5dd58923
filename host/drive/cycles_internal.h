/* SPDX-License-Identifier: MIT */
/* What cycles.c needs of the machine before the probes can run. */
#ifndef VMFERRY_DRIVE_CYCLES_INTERNAL_H
#define VMFERRY_DRIVE_CYCLES_INTERNAL_H

#include "drive/cycles.h"

/* Ask the guest for its probes and keep those that are wanted. */
int cycles_list(const struct cycles_settings *settings, struct drive_vm *vm,
		struct cycles_boot *boot, struct error *err);

/* Bind the vCPUs' threads: vCPU i to @cpu[i % @nr]. */
int cycles_pin(const struct drive_vm *vm, const unsigned int *cpu,
	       unsigned int nr, unsigned int *ret_pinned, struct error *err);

#endif
