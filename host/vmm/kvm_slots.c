/* SPDX-License-Identifier: MIT */
/* Memory of devices as KVM's memory slots. */
#include "vmm/kvm_slots.h"

#include <errno.h>
#include <linux/kvm.h>

#include "abi.h"
#include "vmm/vm_impl.h"

int device_memory_init(struct device_memory *memory, const char *name,
		       uint64_t bytes, void *hva)
{
	if (bytes % ABI_PAGE_BYTES || (uintptr_t)hva % ABI_PAGE_BYTES)
		return -EINVAL;
	memory->hva = hva;
	return memmap_region_init(&memory->region, name, MEMMAP_RAM, bytes,
				  memory);
}

static unsigned int find(const struct kvm_slots *slots, uint64_t gpa,
			 uint64_t bytes)
{
	unsigned int i;

	for (i = 0; i < KVM_SLOTS_MAX; i++)
		if (slots->slot[i].bytes == bytes &&
		    (!bytes || slots->slot[i].gpa == gpa))
			break;
	return i;
}

int kvm_slots_change(struct kvm_slots *slots, struct kvm_calls *calls,
		     int vm_fd, unsigned int first, enum memmap_change change,
		     const struct memmap_range *range)
{
	const struct device_memory *memory = range->region->owner;
	bool gone = change == MEMMAP_GONE;
	unsigned int i = find(slots, range->addr, gone ? range->bytes : 0);
	struct kvm_userspace_memory_region slot = {
		.slot = first + i,
		.guest_phys_addr = range->addr,
		.memory_size = gone ? 0 : range->bytes,
		.userspace_addr = (uintptr_t)memory->hva + range->offset,
	};
	int rc;

	if ((range->addr | range->bytes | range->offset) % ABI_PAGE_BYTES)
		return 0;
	if (i == KVM_SLOTS_MAX)
		return gone ? 0 : -ENOSPC;
	rc = kvm_call(calls, KVM_CALL_SLOT, vm_fd, KVM_SET_USER_MEMORY_REGION,
		      &slot);
	if (rc)
		return rc;
	slots->slot[i].gpa = range->addr;
	slots->slot[i].bytes = slot.memory_size;
	return 0;
}
