/* SPDX-License-Identifier: MIT */
/* KVM's own counters of a vCPU. */
#ifndef VMFERRY_VMM_STATS_H
#define VMFERRY_VMM_STATS_H

#include <stdint.h>

struct vm;

/**
 * vm_stat() - read one counter.
 * @name: as KVM calls it: "exits", "nested_run", ...
 *
 * Return: 0; -ENOTSUP if this KVM gives no counters; -ENOENT if it has none of
 * that name; or what the kernel said. Context: any thread.
 * Source: Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD.
 */
int vm_stat(const struct vm *vm, unsigned int vcpu, const char *name,
	    uint64_t *ret_value);

#endif
