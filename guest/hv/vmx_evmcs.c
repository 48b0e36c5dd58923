/* SPDX-License-Identifier: MIT */
/*
 * Switching to the enlightened VMCS and away from it.
 * Source: TLFS, "Nested virtualization", "Enlightened VMCS"; what KVM does at
 * each step: Linux, arch/x86/kvm/vmx/nested.c and hyperv.c.
 */
#include "hv/vmx.h"

#include "hyperv.h"
#include "x86/cpu.h"
#include "x86/insn_vmx.h"

const char *evmcs_missing(uint32_t flags)
{
	const char *why = l2_hyperv_missing(flags);
	uint32_t versions = cpuid(HV_LEAF_NESTED, 0).eax & HV_NESTED_EVMCS;

	if (why)
		return why;
	if (!(cpuid(HV_LEAF_ADVICE, 0).eax & HV_ADVISES_EVMCS))
		return "no enlightened VMCS is offered";
	if ((versions & 0xff) > EVMCS_REVISION ||
	    versions >> 8 < EVMCS_REVISION)
		return "no enlightened VMCS of version 1";
	return NULL;
}

static void set_enlightenments(union evmcs *e, uint32_t flags)
{
	evmcs_set_enlightenments(
		e, (flags & L2_HV_BITMAP ? EVMCS_MSR_BITMAP : 0) |
			   (flags & L2_HV_FLUSH ? EVMCS_NESTED_FLUSH : 0));
	if (!(flags & L2_HV_FLUSH))
		return;
	evmcs_set_partition_assist(e, (uint64_t)l2_partition);
	evmcs_set_vm_id(e, 1);
	evmcs_set_vp_id(e, (uint32_t)rdmsr(HV_MSR_VP_INDEX));
}

void evmcs_activate(union evmcs *e, uint32_t flags)
{
	l2_hyperv_open(flags, (uint64_t)e);
	set_enlightenments(e, flags);
}

/*
 * While `enlighten_vmentry` is 1, VMCLEAR of the gpa lets go of it; only then
 * may it be 0. VMPTRLD and VMPTRST before that hang the vCPU under KVM.
 */
void evmcs_leave(union evmcs *e)
{
	vmclear((uint64_t)e);
	l2_hyperv_close();
}
