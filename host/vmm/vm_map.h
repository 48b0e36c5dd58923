/* SPDX-License-Identifier: MIT */
/* A machine's memory map: its spaces, what listens, its bus and devices. */
#ifndef VMFERRY_VMM_VM_MAP_H
#define VMFERRY_VMM_VM_MAP_H

#include "base/error.h"
#include "vmm/device.h"
#include "vmm/guestmem.h"
#include "vmm/kvm_calls.h"
#include "vmm/kvm_map.h"
#include "vmm/kvm_slots.h"
#include "vmm/memmap.h"
#include "vmm/pci.h"
#include "vmm/routes.h"
#include "vmm/vm.h"

struct vm_map {
	struct memmap *map;
	struct memmap_region memory_root, port_root;
	struct memmap_region ram[GUESTMEM_MAX_REGIONS];
	struct memmap_space *memory, *ports;
	struct kvm_calls calls;
	struct kvm_slots slots; /* of devices' memory */
	struct kvm_bells memory_bells, port_bells;
	struct routes routes;
	struct pci_bus *pci;
	enum vm_commit commit;
	unsigned int nr_devices;
	struct device *device[VM_MAX_DEVICES];
};

/* Puts RAM into it: KVM gets its slots. After the chips. */
int vm_map_init(struct vm *vm, enum vm_commit commit, struct error *err);
/* KVM is told no more: the machine ends, with all that KVM has. */
void vm_map_silence(struct vm *vm);
/*
 * Host address of guest memory that a device writes, as the map has it now;
 * NULL: it is not all RAM. Context: any, but for a transaction with changes.
 */
void *vm_ram_at(struct vm *vm, uint64_t gpa, uint64_t bytes);

/* Destroys the devices. Fine on zeros. */
void vm_map_exit(struct vm *vm);

#endif
