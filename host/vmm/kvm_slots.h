/* SPDX-License-Identifier: MIT */
/*
 * Memory of devices in the memory map: what lies behind a BAR that may be
 * mapped is a KVM memory slot for as long as the map shows it.
 *
 * Such memory is no guest RAM: no device writes it by DMA, no log sees it, and
 * it moves with its device.
 */
#ifndef VMFERRY_VMM_KVM_SLOTS_H
#define VMFERRY_VMM_KVM_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/kvm_calls.h"
#include "vmm/memmap.h"

#define KVM_SLOTS_MAX 64u

struct kvm_slots {
	struct {
		uint64_t gpa, bytes; /* 0 bytes = free */
	} slot[KVM_SLOTS_MAX];
};

/* A region of kind MEMMAP_RAM that is not the machine's: it is its own owner.
 * Guest RAM has none. */
struct device_memory {
	struct memmap_region region;
	uint8_t *hva; /* page-aligned */
};

/**
 * device_memory_init() - a region over @hva.
 * @bytes: whole pages.
 *
 * Return: 0, -EINVAL. Goes with memmap_region_fini(&memory->region).
 */
int device_memory_init(struct device_memory *memory, const char *name,
		       uint64_t bytes, void *hva);

/**
 * kvm_slots_change() - a stretch of such a region came into the map, or left.
 * @first: number of KVM's slot 0 of ours.
 *
 * What is not whole pages gets no slot: nobody is there, then.
 * Return: 0, -ENOSPC, or what KVM said.
 */
int kvm_slots_change(struct kvm_slots *slots, struct kvm_calls *calls,
		     int vm_fd, unsigned int first, enum memmap_change change,
		     const struct memmap_range *range);

#endif
