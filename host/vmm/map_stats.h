/* SPDX-License-Identifier: MIT */
/* What a machine's memory map has cost; and the bare calls, to compare. */
#ifndef VMFERRY_VMM_MAP_STATS_H
#define VMFERRY_VMM_MAP_STATS_H

#include "vmm/kvm_calls.h"
#include "vmm/memmap.h"
#include "vmm/vm.h"

/* Since vm_create(). Context: nothing changes the map. */
void vm_map_stats(const struct vm *vm, struct memmap_stats *ret_stats,
		  struct kvm_calls *ret_calls);

/* Of vm_params; may be changed while nothing is loaded. */
enum vm_commit vm_commit(const struct vm *vm);
void vm_set_commit(struct vm *vm, enum vm_commit commit);

#endif
