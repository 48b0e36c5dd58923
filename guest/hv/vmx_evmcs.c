/* SPDX-License-Identifier: MIT */
/*
 * Switching to the enlightened VMCS and away from it.
 * Source: TLFS, "Nested virtualization", "Enlightened VMCS"; what KVM does at
 * each step: Linux, arch/x86/kvm/vmx/nested.c and hyperv.c.
 */
#include "hv/vmx.h"

#include "lib/string.h"
#include "x86/cpu.h"
#include "x86/insn_vmx.h"

#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_INTERFACE 0x40000001u
#define LEAF_RECOMMENDED 0x40000004u
#define LEAF_NESTED 0x4000000au
#define HYPERV_SIGNATURE 0x31237648u /* "Hv#1" */
#define RECOMMENDS_EVMCS (1u << 14)
#define NESTED_DIRECT_FLUSH (1u << 17)
#define NESTED_MSR_BITMAP (1u << 19)

#define MSR_GUEST_OS_ID 0x40000000u
#define MSR_VP_INDEX 0x40000002u
#define MSR_VP_ASSIST 0x40000073u
#define ASSIST_ON 1u
/* An open source OS of no vendor: only that it is not 0 matters. */
#define OS_ID 0x8200000000000000ull

/* VP assist page. */
#define ASSIST_NESTED_CONTROL 32u
#define DIRECT_HYPERCALL 1u
#define ASSIST_ENLIGHTEN 40u
#define ASSIST_CURRENT 48u

#define PAGE __attribute__((section(".bss.page"), aligned(4096)))
static uint8_t assist[4096] PAGE;
/* All that L2 and the hypervisor below share: locks of the TLB, none. */
static uint8_t partition[4096] PAGE;

const char *evmcs_missing(uint32_t flags)
{
	uint32_t nested;

	if (cpuid(LEAF_INTERFACE, 0).eax != HYPERV_SIGNATURE ||
	    cpuid(LEAF_HYPERVISOR, 0).eax < LEAF_NESTED)
		return "no Hyper-V interface with nested features";
	if (!(cpuid(LEAF_RECOMMENDED, 0).eax & RECOMMENDS_EVMCS))
		return "no enlightened VMCS is offered";
	nested = cpuid(LEAF_NESTED, 0).eax;
	if ((nested & 0xff) > EVMCS_REVISION ||
	    (nested >> 8 & 0xff) < EVMCS_REVISION)
		return "no enlightened VMCS of version 1";
	if (flags & VMX_EVMCS_BITMAP && !(nested & NESTED_MSR_BITMAP))
		return "no enlightened MSR bitmap is offered";
	if (flags & VMX_DIRECT_FLUSH && !(nested & NESTED_DIRECT_FLUSH))
		return "no direct flush is offered";
	return NULL;
}

static void set_enlightenments(union evmcs *e, uint32_t flags)
{
	evmcs_set_enlightenments(
		e, (flags & VMX_EVMCS_BITMAP ? EVMCS_MSR_BITMAP : 0) |
			   (flags & VMX_DIRECT_FLUSH ? EVMCS_NESTED_FLUSH : 0));
	if (!(flags & VMX_DIRECT_FLUSH))
		return;
	evmcs_set_partition_assist(e, (uint64_t)partition);
	evmcs_set_vm_id(e, 1);
	evmcs_set_vp_id(e, (uint32_t)rdmsr(MSR_VP_INDEX));
}

void evmcs_activate(union evmcs *e, uint32_t flags)
{
	uint32_t control = flags & VMX_DIRECT_FLUSH ? DIRECT_HYPERCALL : 0;
	uint64_t gpa = (uint64_t)e;

	memcpy(assist + ASSIST_NESTED_CONTROL, &control, sizeof(control));
	memcpy(assist + ASSIST_CURRENT, &gpa, sizeof(gpa));
	assist[ASSIST_ENLIGHTEN] = 1;
	if (!rdmsr(MSR_GUEST_OS_ID))
		wrmsr(MSR_GUEST_OS_ID, OS_ID);
	wrmsr(MSR_VP_ASSIST, (uint64_t)assist | ASSIST_ON);
	set_enlightenments(e, flags);
}

/*
 * While `enlighten_vmentry` is 1, VMCLEAR of the gpa lets go of it; only then
 * may it be 0. VMPTRLD and VMPTRST before that hang the vCPU under KVM.
 */
void evmcs_leave(union evmcs *e)
{
	uint64_t none = 0;

	vmclear((uint64_t)e);
	assist[ASSIST_ENLIGHTEN] = 0;
	memcpy(assist + ASSIST_CURRENT, &none, sizeof(none));
	wrmsr(MSR_VP_ASSIST, 0);
}
