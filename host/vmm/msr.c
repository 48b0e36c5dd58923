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

#include "hyperv.h"

/* What KVM does not list, though it is a vCPU's: of the SynIC and its timers.
 * Those that the list does have are no harm. */
#define SYNIC_FIRST HV_MSR_SCONTROL
#define SYNIC_LAST (HV_MSR_STIMER0_CONFIG + 2 * HV_NR_STIMERS - 1)
#define MAX_MORE (SYNIC_LAST - SYNIC_FIRST + 1)

/* The EOM is an act and no state. */
static void add_synic(struct kvm_msr_list *list)
{
	uint32_t msr;

	for (msr = SYNIC_FIRST; msr <= SYNIC_LAST; msr++)
		if (msr != HV_MSR_SVERSION && msr != HV_MSR_EOM)
			list->indices[list->nmsrs++] = msr;
}

static struct kvm_msr_list *fetch_list(int kvm_fd)
{
	struct kvm_msr_list probe = { .nmsrs = 0 }, *list;
	int rc = kvm_ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, &probe);

	if (rc != -E2BIG && rc)
		return NULL;
	list = calloc(1, sizeof(*list) + (probe.nmsrs + MAX_MORE) *
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

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

int msr_read(const struct vcpu *vcpu, uint32_t index, uint64_t *ret_value)
{
	struct one_msr one = { .head.nmsrs = 1, .entry.index = index };

	if (kvm_ioctl(vcpu->fd, KVM_GET_MSRS, &one) != 1)
		return -EIO;
	*ret_value = one.entry.data;
	return 0;
}

int msr_write(const struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct one_msr one = {
		.head.nmsrs = 1,
		.entry = { .index = index, .data = value },
	};

	return kvm_ioctl(vcpu->fd, KVM_SET_MSRS, &one) == 1 ? 0 : -EIO;
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int msr_probe(struct vm *vm, struct error *err)
{
	struct kvm_msr_list *list = fetch_list(vm->kvm_fd);
	uint64_t value;
	unsigned int i;

	if (list && vm->hyperv == HYPERV_KVM)
		add_synic(list);
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
		if (!msr_read(&vm->vcpu[0], list->indices[i], &value))
			vm->msr[vm->nr_msrs++] = list->indices[i];
	}
	free(list);
	return 0;
}

/* One ioctl for all; KVM stops at the first that it cannot read. */
int msr_save(const struct vcpu *vcpu, struct kvm_msr_entry *entries,
	     uint32_t *ret_nr, struct error *err)
{
	const struct vm *vm = vcpu->vm;
	struct kvm_msrs *m =
		calloc(1, sizeof(*m) + vm->nr_msrs * sizeof(*entries));
	uint32_t i;
	int rc;

	if (!m)
		return error_set(err, -ENOMEM, "out of memory");
	for (i = 0; i < vm->nr_msrs; i++)
		if (vm->msr[i] != MSR_TSC)
			m->entries[m->nmsrs++].index = vm->msr[i];
	rc = kvm_ioctl(vcpu->fd, KVM_GET_MSRS, m);
	if (rc >= 0 && (uint32_t)rc == m->nmsrs) {
		memcpy(entries, m->entries, m->nmsrs * sizeof(*entries));
		*ret_nr = m->nmsrs;
		rc = 0;
	} else {
		rc = error_set(err, rc < 0 ? rc : -EIO,
			       "cannot read MSR 0x%x of vCPU %u",
			       rc < 0 ? 0 : m->entries[rc].index, vcpu->index);
	}
	free(m);
	return rc;
}

/*
 * A write may be refused for good reasons: read-only MSRs that KVM lists
 * because they describe the CPU, and MSRs that only the source's host has.
 * Harmless if nothing is lost by it: the target holds this very value
 * already, or lacks the MSR and the value is 0, its state at reset. Everything
 * else is a difference that the guest could see: a failure.
 */
static bool refusal_is_harmless(const struct vcpu *vcpu,
				const struct kvm_msr_entry *e)
{
	uint64_t mine;

	if (msr_read(vcpu, e->index, &mine))
		return !e->data;
	return mine == e->data;
}

int msr_load(const struct vcpu *vcpu, const struct kvm_msr_entry *entries,
	     uint32_t nr, struct error *err)
{
	uint32_t i;

	for (i = 0; i < nr; i++) {
		const struct kvm_msr_entry *e = &entries[i];

		/* These wait for the clock and the LAPIC: tsc_load(). */
		if (e->index == MSR_TSC || e->index == MSR_TSC_DEADLINE)
			continue;
		if (!msr_write(vcpu, e->index, e->data) ||
		    refusal_is_harmless(vcpu, e))
			continue;
		return error_set(err, -ENOTSUP,
				 "this host's KVM refused MSR 0x%x = 0x%llx "
				 "of vCPU %u",
				 e->index, (unsigned long long)e->data,
				 vcpu->index);
	}
	return 0;
}
