/* SPDX-License-Identifier: MIT */
/*
 * CPUID: what KVM supports, with the topology and the hypervisor's leaves put
 * right.
 *
 * Source: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E;
 * Documentation/virt/kvm/api.rst, KVM_GET_SUPPORTED_CPUID (on TSC_DEADLINE
 * and X2APIC: not reported there, but there with an in-kernel irqchip).
 */
#include "vmm/hyperv_user.h"
#include "vmm/hyperv_kvm.h"
#include "vmm/vm_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 256u

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_TIMING 0x40000010u

#define ECX1_X2APIC (1u << 21)
#define ECX1_TSC_DEADLINE (1u << 24)
#define ECX1_OSXSAVE (1u << 27) /* follows CR4 */
#define ECX1_HYPERVISOR (1u << 31)
#define EDX1_HTT (1u << 28)

/* KVM's LAPIC timer counts nanoseconds. */
#define APIC_BUS_KHZ 1000000u

static struct kvm_cpuid2 *alloc_cpuid(void)
{
	struct kvm_cpuid2 *c =
		calloc(1, sizeof(*c) + MAX_ENTRIES * sizeof(c->entries[0]));

	if (c)
		c->nent = MAX_ENTRIES;
	return c;
}

static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid2 *c,
					   uint32_t leaf, uint32_t index)
{
	uint32_t i;

	for (i = 0; i < c->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == leaf &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) ||
		     e->index == index))
			return e;
	}
	return NULL;
}

/* The entry of a leaf; made, without subleaves, if it is missing. */
static struct kvm_cpuid_entry2 *get(struct kvm_cpuid2 *c, uint32_t leaf)
{
	struct kvm_cpuid_entry2 *e = (void *)find(c, leaf, 0);

	if (e || c->nent == MAX_ENTRIES)
		return e;
	e = &c->entries[c->nent++];
	*e = (struct kvm_cpuid_entry2){ .function = leaf };
	return e;
}

/* "KVMKVMKVM" and, as VMware began it, a leaf with the frequencies: a guest
 * need not calibrate. */
static int add_hypervisor(struct kvm_cpuid2 *c, uint32_t tsc_khz)
{
	struct kvm_cpuid_entry2 *sig = get(c, LEAF_HYPERVISOR), *timing;

	if (!sig)
		return -E2BIG;
	memcpy(&sig->ebx, "KVMK", 4);
	memcpy(&sig->ecx, "VMKV", 4);
	memcpy(&sig->edx, "M\0\0\0", 4);
	if (!tsc_khz)
		return 0;
	if (sig->eax < LEAF_TIMING)
		sig->eax = LEAF_TIMING;
	timing = get(c, LEAF_TIMING);
	if (!timing)
		return -E2BIG;
	*timing = (struct kvm_cpuid_entry2){ .function = LEAF_TIMING,
					     .eax = tsc_khz,
					     .ebx = APIC_BUS_KHZ };
	return 0;
}

static int add_features(struct vm *vm, struct kvm_cpuid2 *c)
{
	struct kvm_cpuid_entry2 *e = get(c, 1);

	if (!e)
		return -E2BIG;
	e->ecx |= ECX1_HYPERVISOR | ECX1_X2APIC;
	e->ecx &= ~ECX1_OSXSAVE;
	if (vm->caps.tsc_deadline)
		e->ecx |= ECX1_TSC_DEADLINE;
	else
		e->ecx &= ~ECX1_TSC_DEADLINE;
	return 0;
}

/* KVM may leave out the level of the cores, when the host has none. */
static int add_core_level(struct kvm_cpuid2 *c, uint32_t leaf)
{
	if (!find(c, leaf, 0) || find(c, leaf, 1))
		return 0;
	if (c->nent == MAX_ENTRIES)
		return -E2BIG;
	c->entries[c->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf,
		.index = 1,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
	};
	return 0;
}

/* All vCPUs are cores of one package, one thread each: APIC id = index. */
static void patch_topology(struct kvm_cpuid_entry2 *e, uint32_t id, uint32_t nr)
{
	uint32_t bits = nr > 1 ? 32u - (uint32_t)__builtin_clz(nr - 1) : 0;

	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xffff) | id << 24 | (1u << bits) << 16;
		e->edx = nr > 1 ? e->edx | EDX1_HTT : e->edx & ~EDX1_HTT;
		break;
	case 4: /* cores; and for each cache, how many threads share it */
		if (!(e->eax & 0x1f))
			break;
		e->eax = (e->eax & 0x3fff) | ((1u << bits) - 1) << 26;
		if (((e->eax >> 5) & 7) >= 3)
			e->eax |= ((1u << bits) - 1) << 14;
		break;
	case 0xb:
	case 0x1f:
		e->edx = id;
		e->eax = e->index == 1 ? bits : 0;
		e->ebx = e->index == 0 ? 1 : e->index == 1 ? nr : 0;
		/* level number, and its type: 1 = thread, 2 = core */
		e->ecx = e->index | (e->index < 2 ? (e->index + 1) << 8 : 0);
		break;
	case 0x80000008:
		e->ecx = bits << 12 | (nr - 1);
		break;
	case 0x8000001e:
		e->eax = id;
		e->ebx = id;
		e->ecx = 0;
		break;
	}
}

int cpuid_build(struct vm *vm, struct error *err)
{
	struct kvm_cpuid2 *c = alloc_cpuid();
	int rc = c ? 0 : -ENOMEM;

	vm->cpuid = c;
	if (!rc)
		rc = kvm_ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, c);
	if (rc)
		return error_set(err, rc, "cannot ask KVM for its CPUID: %s",
				 strerror(-rc));
	return 0;
}

/* The frequency is known only once a vCPU exists. */
static int finish(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	int rc = kvm_ioctl_value(vcpu->fd, KVM_GET_TSC_KHZ, 0);

	if (rc < 0 && rc != -EIO) /* EIO: unstable; the guest calibrates */
		return rc;
	vm->tsc_khz = rc > 0 ? (uint32_t)rc : 0;
	rc = add_features(vm, vm->cpuid);
	if (!rc)
		rc = add_core_level(vm->cpuid, 0xb);
	if (!rc && vm->hyperv == HYPERV_KVM)
		return hyperv_kvm_leaves(vcpu, vm->cpuid, MAX_ENTRIES);
	if (!rc)
		rc = add_hypervisor(vm->cpuid, vm->tsc_khz);
	if (!rc && vm->hv)
		rc = hyperv_leaves(vm, vm->cpuid, MAX_ENTRIES);
	return rc;
}

int cpuid_apply(struct vcpu *vcpu, struct error *err)
{
	struct vm *vm = vcpu->vm;
	struct kvm_cpuid2 *c = alloc_cpuid();
	int rc = c ? 0 : -ENOMEM;
	uint16_t version;
	uint32_t i;

	/* Before the leaves are asked for. */
	if (!rc && vm->hyperv == HYPERV_KVM &&
	    (vm->hv_wanted & HYPERV_BIT(HYPERV_EVMCS)))
		rc = nested_enable_evmcs(vcpu, &version);
	if (!rc && vm->hyperv == HYPERV_KVM)
		hyperv_kvm_enable(vcpu);
	if (!rc && !vcpu->index)
		rc = finish(vcpu);
	if (!rc) {
		c->nent = vm->cpuid->nent;
		memcpy(c->entries, vm->cpuid->entries,
		       c->nent * sizeof(c->entries[0]));
		for (i = 0; i < c->nent; i++)
			patch_topology(&c->entries[i], vcpu->index,
				       vm->nr_vcpus);
		rc = kvm_ioctl(vcpu->fd, KVM_SET_CPUID2, c);
	}
	free(c);
	if (!rc && !vcpu->index) {
		vm->cpuid_taken = cpuid_get(vcpu);
		rc = vm->cpuid_taken ? 0 : -ENOMEM;
	}
	if (rc)
		return error_set(err, rc, "KVM refused vCPU %u's CPUID: %s",
				 vcpu->index, strerror(-rc));
	return 0;
}

/* Words made of feature bits, where more on their side means trouble. */
static const struct {
	uint32_t leaf, index;
	bool eax, ebx, ecx, edx;
} features[] = {
	{ 0x1, 0, .ecx = true, .edx = true },
	{ 0x7, 0, .ebx = true, .ecx = true, .edx = true },
	{ 0x7, 1, .eax = true, .edx = true },
	{ 0xd, 0, .eax = true, .edx = true },
	{ 0xd, 1, .eax = true, .ecx = true },
	{ 0x80000001, 0, .ecx = true, .edx = true },
	{ 0x80000008, 0, .ebx = true },
};

static int check_features(const struct vcpu *vcpu,
			  const struct kvm_cpuid2 *theirs,
			  const struct kvm_cpuid2 *ours, struct error *err)
{
	const struct kvm_cpuid_entry2 none = { 0 }, *a, *b;
	uint32_t more;
	size_t i;

	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		a = find(theirs, features[i].leaf, features[i].index);
		b = find(ours, features[i].leaf, features[i].index);
		if (!a)
			continue;
		if (!b)
			b = &none;
		more = (features[i].eax ? a->eax & ~b->eax : 0) |
		       (features[i].ebx ? a->ebx & ~b->ebx : 0) |
		       (features[i].ecx ? a->ecx & ~b->ecx : 0) |
		       (features[i].edx ? a->edx & ~b->edx : 0);
		if (features[i].leaf == 1)
			more &= ~ECX1_OSXSAVE;
		if (more)
			return error_set(err, -ENOTSUP,
					 "vCPU %u's CPUID has features that "
					 "this host lacks (leaf 0x%x.%u, bits "
					 "0x%x)",
					 vcpu->index, features[i].leaf,
					 features[i].index, more);
	}
	return 0;
}

struct kvm_cpuid2 *cpuid_get(const struct vcpu *vcpu)
{
	struct kvm_cpuid2 *c = alloc_cpuid();

	if (c && kvm_ioctl(vcpu->fd, KVM_GET_CPUID2, c)) {
		free(c);
		c = NULL;
	}
	return c;
}

int cpuid_load(struct vcpu *vcpu, const struct kvm_cpuid_entry2 *entries,
	       uint32_t nr, struct error *err)
{
	struct kvm_cpuid2 *theirs = alloc_cpuid(), *ours = cpuid_get(vcpu);
	size_t bytes = nr * sizeof(entries[0]);
	int rc = 0;

	if (!theirs || !ours || nr > MAX_ENTRIES) {
		rc = error_set(err, -ENOMEM, "cannot read vCPU %u's CPUID",
			       vcpu->index);
		goto out;
	}
	theirs->nent = nr;
	memcpy(theirs->entries, entries, bytes);
	if (ours->nent == nr && !memcmp(ours->entries, theirs->entries, bytes))
		goto out;
	/* A state that was loaded before may have left it with less. */
	rc = check_features(vcpu, theirs, vcpu->vm->cpuid_taken, err);
	if (rc)
		goto out;
	rc = kvm_ioctl(vcpu->fd, KVM_SET_CPUID2, theirs);
	if (rc)
		error_set(err, rc, "KVM refused the CPUID of vCPU %u: %s",
			  vcpu->index, strerror(-rc));
out:
	free(theirs);
	free(ours);
	return rc;
}
