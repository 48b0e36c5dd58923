/* SPDX-License-Identifier: MIT */
/*
 * Which MSRs belong to a vCPU's state on this host.
 *
 * KVM_GET_MSR_INDEX_LIST names what this kernel knows, not what this CPU and
 * CPUID have: some cannot be read. Those hold no guest state (a guest that
 * touches one gets #GP), so they are left out once and for all here, by trying
 * each; after that a read that fails is a failure.
 */
#include "vmm/vm_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct kvm_msr_list *fetch_list(int kvm_fd)
{
	struct kvm_msr_list probe = { .nmsrs = 0 }, *list;
	int rc = kvm_ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, &probe);

	if (rc != -E2BIG && rc)
		return NULL;
	list = calloc(1, sizeof(*list) + (size_t)probe.nmsrs *
						 sizeof(list->indices[0]));
	if (!list)
		return NULL;
	list->nmsrs = probe.nmsrs;
	if (kvm_ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, list)) {
		free(list);
		return NULL;
	}
	return list;
}

static bool readable(int vcpu_fd, uint32_t index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { .head.nmsrs = 1, .entry.index = index };

	return kvm_ioctl(vcpu_fd, KVM_GET_MSRS, &one) == 1;
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int msr_probe(struct vm *vm, struct error *err)
{
	struct kvm_msr_list *list = fetch_list(vm->kvm_fd);
	unsigned int i;

	if (list)
		vm->msr = calloc(list->nmsrs + 1, sizeof(vm->msr[0]));
	if (!list || !vm->msr) {
		free(list);
		return error_set(err, -ENOMEM, "cannot list KVM's MSRs");
	}
	qsort(list->indices, list->nmsrs, sizeof(list->indices[0]), by_index);
	for (i = 0; i < list->nmsrs; i++) {
		if (i && list->indices[i] == list->indices[i - 1])
			continue;
		if (readable(vm->vcpu[0].fd, list->indices[i]))
			vm->msr[vm->nr_msrs++] = list->indices[i];
	}
	free(list);
	return 0;
}
