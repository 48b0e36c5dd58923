/* SPDX-License-Identifier: MIT */
/*
 * A guest's step counters from outside: mapped, or read from its process.
 */
#ifndef VMFERRY_DRIVE_COUNTERS_H
#define VMFERRY_DRIVE_COUNTERS_H

#include <stdint.h>

#include "control.h"

struct ram;

struct counters {
	const struct abi_vcpu *mapped; /* the same pages, or NULL: */
	const struct ram *ram; /* read from here; NULL = cannot be seen */
	uint64_t gpa; /* at this address */
	unsigned int nr_vcpus; /* 1..ABI_MAX_VCPUS */
};

/**
 * counters_read() - copy the hot fields of all vCPUs.
 * @ret_vcpu: room for nr_vcpus; steps, step_tsc and wait_until_tsc are filled
 *	in, each read whole. Untouched where the process is gone.
 *
 * A mapped read costs nanoseconds, the other a system call.
 * Return: 0, what ram_read() said, or -ENODATA if nobody can see them.
 */
int counters_read(const struct counters *c, struct abi_vcpu *ret_vcpu);

/* Sum of the step counters now; 0 if they cannot be read. */
uint64_t counters_steps(const struct counters *c);

#endif
