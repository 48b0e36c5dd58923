/* SPDX-License-Identifier: MIT */
/* What a snapshot says of vCPUs and devices, value by value. */
#ifndef VMFERRY_MACHINE_DUMP_STATE_H
#define VMFERRY_MACHINE_DUMP_STATE_H

#include <stddef.h>

#include "base/error.h"
#include "vmm/state.h"

/**
 * dump_state() - name every value of the state in a snapshot.
 * @path: of migrate --snapshot. Hostile: all its checksums are looked at up to
 *	the end of the state; the pages are not looked into.
 * @each: as for vm_state_describe().
 *
 * Return: 0; -EPROTO with a sentence for what is no snapshot, or a damaged one;
 * or what open and read said.
 */
int dump_state(const char *path,
	       void (*each)(void *ctx, int vcpu, const char *name,
			    enum vm_value_kind kind, const void *value,
			    size_t value_bytes),
	       void *ctx, struct error *err);

#endif
