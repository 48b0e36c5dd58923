/* SPDX-License-Identifier: MIT */
/*
 * Nested virtualization, as KVM has it.
 *
 * Source: Documentation/virt/kvm/api.rst, KVM_GET_NESTED_STATE;
 * arch/x86/include/uapi/asm/kvm.h, struct kvm_nested_state.
 */
#include "vmm/nested.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/state_format.h"
#include "vmm/vm_impl.h"

/* Source: Intel SDM vol. 2A and AMD APM vol. 3, CPUID. */
#define LEAF_FEATURES 1u
#define ECX1_VMX (1u << 5)
#define LEAF_EXTENDED 0x80000001u
#define ECX_SVM (1u << 2)
#define LEAF_SVM 0x8000000au

#define HEAD_BYTES sizeof(struct kvm_nested_state)
#define NO_ADDRESS UINT64_MAX

/* Flags that each format can have; what they say is KVM's to check. */
#define VMX_FLAGS                                                              \
	(KVM_STATE_NESTED_GUEST_MODE | KVM_STATE_NESTED_RUN_PENDING |          \
	 KVM_STATE_NESTED_EVMCS | KVM_STATE_NESTED_MTF_PENDING)
#define SVM_FLAGS                                                              \
	(KVM_STATE_NESTED_GUEST_MODE | KVM_STATE_NESTED_RUN_PENDING |          \
	 KVM_STATE_NESTED_GIF_SET)

/* The larger of the two, VMX with a shadow VMCS. */
union nested_state {
	struct kvm_nested_state head;
	uint8_t bytes[NESTED_MAX_BYTES];
};

_Static_assert(sizeof(struct kvm_nested_state) == NESTED_MIN_BYTES, "ABI");
_Static_assert(NESTED_MIN_BYTES + sizeof(struct kvm_vmx_nested_state_data) ==
		       NESTED_MAX_BYTES,
	       "ABI");

static uint32_t ecx_of(const struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == leaf)
			return cpuid->entries[i].ecx;
	return 0;
}

enum nested_kind nested_kind_of(const struct kvm_cpuid2 *cpuid)
{
	if (ecx_of(cpuid, LEAF_FEATURES) & ECX1_VMX)
		return NESTED_VMX;
	if (ecx_of(cpuid, LEAF_EXTENDED) & ECX_SVM)
		return NESTED_SVM;
	return NESTED_NONE;
}

static void take_out(struct kvm_cpuid2 *cpuid)
{
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == LEAF_FEATURES)
			e->ecx &= ~ECX1_VMX;
		else if (e->function == LEAF_EXTENDED)
			e->ecx &= ~ECX_SVM;
		else if (e->function == LEAF_SVM)
			e->eax = e->ebx = e->ecx = e->edx = 0;
	}
}

int nested_resolve(struct vm *vm, struct error *err)
{
	if (vm->nested_want == VM_NESTED_OFF)
		take_out(vm->cpuid);
	vm->nested = nested_kind_of(vm->cpuid);
	if (vm->nested_want != VM_NESTED_ON || vm->nested != NESTED_NONE)
		return 0;
	return error_set(err, -EOPNOTSUPP,
			 "this host's KVM lets no guest virtualize: load "
			 "kvm_intel or kvm_amd with nested=1 on a CPU with VMX "
			 "or SVM (software KVM has neither)");
}

int nested_enable_evmcs(struct vcpu *vcpu, uint16_t *ret_version)
{
	uint16_t version = 0;
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_HYPERV_ENLIGHTENED_VMCS,
		.args = { (uintptr_t)&version },
	};
	int rc = kvm_ioctl_value(vcpu->vm->fd, KVM_CHECK_EXTENSION,
				 KVM_CAP_HYPERV_ENLIGHTENED_VMCS);

	if (rc > 0 && vcpu->vm->nested == NESTED_VMX)
		rc = kvm_ioctl(vcpu->fd, KVM_ENABLE_CAP, &cap);
	if (rc < 0)
		return rc;
	vcpu->has_evmcs = version != 0;
	*ret_version = version;
	return 0;
}

/* As at reset: not in VMX operation; no L2, and GIF set. */
static bool is_reset(const struct kvm_nested_state *s)
{
	if (s->format == KVM_STATE_NESTED_FORMAT_VMX)
		return !s->flags && s->hdr.vmx.vmxon_pa == NO_ADDRESS;
	return s->flags == KVM_STATE_NESTED_GIF_SET;
}

int nested_save(const struct vcpu *vcpu, struct buf *state)
{
	const struct vm *vm = vcpu->vm;
	union nested_state *s;
	int rc;

	if (vm->nested == NESTED_NONE || !vm->caps.nested_bytes ||
	    vm->drop_nested)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->head.size = sizeof(*s);
	rc = kvm_ioctl(vcpu->fd, KVM_GET_NESTED_STATE, s);
	if (!rc && s->head.size > sizeof(*s))
		rc = -E2BIG;
	if (!rc && !is_reset(&s->head))
		rc = state_append(state, STATE_NESTED, vcpu->index, s,
				  s->head.size);
	free(s);
	return rc;
}

/* Could KVM have said so? Bytes that it may look at are there. */
static bool makes_sense(const struct kvm_nested_state *s, uint32_t bytes)
{
	bool guest = s->flags & KVM_STATE_NESTED_GUEST_MODE;
	size_t data = bytes - HEAD_BYTES;

	if (s->size != bytes)
		return false;
	if (!guest && s->flags & KVM_STATE_NESTED_RUN_PENDING)
		return false;
	if (s->format == KVM_STATE_NESTED_FORMAT_VMX)
		return !(s->flags & ~VMX_FLAGS) &&
		       (!guest || data >= sizeof(s->data.vmx[0].vmcs12)) &&
		       data % sizeof(s->data.vmx[0].vmcs12) == 0;
	if (s->format == KVM_STATE_NESTED_FORMAT_SVM)
		return !(s->flags & ~SVM_FLAGS) &&
		       data == (guest ? sizeof(s->data.svm[0]) : 0);
	return false;
}

static bool is_ours(const struct vm *vm, uint16_t format)
{
	return vm->caps.nested_bytes &&
	       vm->nested == (format == KVM_STATE_NESTED_FORMAT_VMX
				      ? NESTED_VMX
				      : NESTED_SVM);
}

int nested_check(const struct vm *vm, const struct state_part *part,
		 uint32_t index, struct error *err)
{
	struct kvm_nested_state head;

	if (!part->data)
		return 0;
	memcpy(&head, part->data, HEAD_BYTES);
	if (!makes_sense(&head, part->bytes))
		return error_set(err, -EPROTO,
				 "section NESTED of %u holds a state that no "
				 "KVM can be in",
				 index);
	if (!is_ours(vm, head.format))
		return error_set(err, -ENOTSUP,
				 "vCPU %u virtualizes by %s, which this host's "
				 "KVM or --nested off does not allow",
				 index,
				 head.format == KVM_STATE_NESTED_FORMAT_VMX
					 ? "VMX"
					 : "SVM");
	if (head.flags & KVM_STATE_NESTED_EVMCS &&
	    head.format == KVM_STATE_NESTED_FORMAT_VMX &&
	    !vm->vcpu[index].has_evmcs)
		return error_set(err, -ENOTSUP,
				 "vCPU %u uses an enlightened VMCS, which "
				 "this machine does not offer: give it the "
				 "same --hyperv as the source",
				 index);
	return 0;
}

int nested_load(struct vcpu *vcpu, const struct state_part *part)
{
	union nested_state *s;
	int rc;

	if (!part->data)
		return 0;
	/* KVM reads a whole VMCS where it needs one, whatever the size says. */
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	memcpy(s, part->data, part->bytes);
	rc = kvm_ioctl(vcpu->fd, KVM_SET_NESTED_STATE, s);
	free(s);
	return rc;
}

void vm_drop_nested(struct vm *vm, bool drop)
{
	vm->drop_nested = drop;
}
