/* SPDX-License-Identifier: MIT */
/* KVM's Hyper-V leaves, under the name that guests look for. */
#include "vmm/hyperv_kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hyperv.h"
#include "vmm/hyperv_model.h"
#include "vmm/vm_impl.h"

#define LEAF_FIRST 0x40000000u
#define LEAF_LAST 0x400000ffu
#define MAX_LEAVES 32u

int hyperv_kvm_check(const struct vm *vm, struct error *err)
{
	if (kvm_ioctl_value(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_CPUID) >
	    0)
		return 0;
	return error_set(err, -EOPNOTSUPP,
			 "this host's KVM has no Hyper-V interface: use a "
			 "kernel with CONFIG_KVM_HYPERV, kvm_intel or kvm_amd");
}

void hyperv_kvm_enable(const struct vcpu *vcpu)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_SYNIC2 };

	/* Without it the leaves say so: take_back(). */
	(void)kvm_ioctl(vcpu->fd, KVM_ENABLE_CAP, &cap);
}

void hyperv_kvm_exit(struct kvm_run *run)
{
	if (run->hyperv.type == KVM_EXIT_HYPERV_HCALL)
		run->hyperv.u.hcall.result = HV_STATUS_INVALID_CONNECTION;
}

/* KVM offers the SynIC in any case; its registers fault if it is not there. */
static void take_back(const struct vm *vm, struct kvm_cpuid_entry2 *e)
{
	if (e->function != HV_LEAF_FEATURES ||
	    kvm_ioctl_value(vm->fd, KVM_CHECK_EXTENSION,
			    KVM_CAP_HYPERV_SYNIC2) > 0)
		return;
	e->eax &= ~(HV_HAS_SYNIC | HV_HAS_STIMER);
	e->edx &= ~HV_EDX_STIMER_DIRECT;
}

static void mask(const struct vm *vm, struct kvm_cpuid_entry2 *e)
{
	uint32_t reg[4] = { e->eax, e->ebx, e->ecx, e->edx };

	hv_mask_leaf(~vm->hv_wanted, e->function, reg);
	e->eax = reg[0];
	e->ebx = reg[1];
	e->edx = reg[3];
}

static void drop_own(struct kvm_cpuid2 *c)
{
	uint32_t i, kept = 0;

	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function < LEAF_FIRST ||
		    c->entries[i].function > LEAF_LAST)
			c->entries[kept++] = c->entries[i];
	c->nent = kept;
}

/* KVM says "Linux KVM Hv"; the VMM writes the vendor that it wants. */
static void add(struct kvm_cpuid2 *c, const struct kvm_cpuid_entry2 *leaf)
{
	struct kvm_cpuid_entry2 *e = &c->entries[c->nent++];

	*e = *leaf;
	if (e->function != LEAF_FIRST)
		return;
	memcpy(&e->ebx, "Micr", 4);
	memcpy(&e->ecx, "osof", 4);
	memcpy(&e->edx, "t Hv", 4);
}

int hyperv_kvm_leaves(const struct vcpu *vcpu, struct kvm_cpuid2 *cpuid,
		      uint32_t max)
{
	struct kvm_cpuid2 *h =
		calloc(1, sizeof(*h) + MAX_LEAVES * sizeof(h->entries[0]));
	uint32_t i;
	int rc;

	if (!h)
		return -ENOMEM;
	h->nent = MAX_LEAVES;
	rc = kvm_ioctl(vcpu->fd, KVM_GET_SUPPORTED_HV_CPUID, h);
	if (!rc) {
		drop_own(cpuid);
		if (cpuid->nent + h->nent > max)
			rc = -E2BIG;
	}
	for (i = 0; !rc && i < h->nent; i++) {
		take_back(vcpu->vm, &h->entries[i]);
		mask(vcpu->vm, &h->entries[i]);
		add(cpuid, &h->entries[i]);
	}
	free(h);
	return rc;
}

int hyperv_kvm_verify(const struct vm *vm, struct error *err)
{
	struct hv_leaves l = { .advice = 0 };
	uint32_t i, lacks;

	for (i = 0; i < vm->cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &vm->cpuid->entries[i];

		if (e->function == HV_LEAF_ADVICE)
			l.advice = e->eax;
		if (e->function == HV_LEAF_NESTED)
			l.nested = e->eax;
		if (e->function != HV_LEAF_FEATURES)
			continue;
		l.features[0] = e->eax;
		l.features[1] = e->ebx;
		l.features[3] = e->edx;
	}
	lacks = vm->hv_must & ~hv_leaf_has(&l);
	if (!lacks)
		return 0;
	return error_set(err, -EOPNOTSUPP,
			 "this host's KVM does not serve --hv-%s",
			 hyperv_feature_names[__builtin_ctz(lacks)]);
}
