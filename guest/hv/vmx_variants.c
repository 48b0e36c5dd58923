/* SPDX-License-Identifier: MIT */
/* VMX's variants, and what its instructions cost L1. */
#include "hv/nested.h"
#include "hv/probe.h"
#include "hv/vmx.h"
#include "x86/insn_vmx.h"

#define EVMCS (VMX_EVMCS | L2_MSR_BITMAP)

static const struct nested_variant variants[] = {
	{ "plain", 0 },
	{ "msr-bitmap", L2_MSR_BITMAP },
	{ "two", L2_MSR_BITMAP | L2_TWO },
	{ "evmcs", EVMCS },
	{ "evmcs-never-clean", EVMCS | VMX_CLEAN_NEVER },
	{ "evmcs-forgotten", EVMCS | L2_IGNORED },
	{ "evmcs-msr-bitmap", EVMCS | L2_HV_BITMAP },
	{ "evmcs-direct-flush", EVMCS | L2_HV_FLUSH },
	{ "evmcs-two", EVMCS | L2_TWO },
	{ NULL, 0 },
};

/* Source: TLFS, "Enlightened MSR bitmap". */
static void mark_bitmap(void)
{
	if (l2_run.flags & VMX_EVMCS)
		evmcs_set_msr_bitmap(vmx_e, (uint64_t)vmx_msr_bitmap);
}

static const char *prove(void)
{
	return l2_run.flags & VMX_EVMCS ? vmx_prove_evmcs() : NULL;
}

const struct nested_backend nested_vmx = {
	.name = "vmx",
	.variants = variants,
	.missing = vmx_missing,
	.absent = "the CPU has no VMX",
	.flags_missing = vmx_flags_missing,
	.start = vmx_start,
	.bare = vmx_bare,
	.change = vmx_change,
	.prove = prove,
	.call = vmx_call,
	.stop = vmx_stop,
	/* Source: Intel SDM 3C, 25.6.9: reads of high MSRs from 1024. */
	.read_gs = &vmx_msr_bitmap[1024 + 0x102 / 8],
	.read_gs_mask = 1u << 0x102 % 8,
	.mark_bitmap = mark_bitmap,
	.exits_without_bitmap = true,
};

/* That a VMCS is there is all that matters. */
static void begin(void)
{
	vmx_start(0);
}

/* Covered by VMCS shadowing, and not. */
static void op_vmread(void)
{
	vmread(VMCS_guest_rip);
}

static void op_vmread_other(void)
{
	vmread(VMCS_host_rsp);
}

static void op_vmwrite(void)
{
	vmwrite(VMCS_guest_rip, 0);
}

static void op_vmwrite_other(void)
{
	vmwrite(VMCS_host_rsp, 0);
}

static void op_vmptrld(void)
{
	vmptrld(vmx_vmcs_gpa(0));
}

static void op_vmclear(void)
{
	vmclear(vmx_vmcs_gpa(1));
}

const struct probe probes_vmx[] = {
	{ "vmread", PROBE_RING0, vmx_missing, begin, vmx_stop,
	  .op = op_vmread },
	{ "vmread_other", PROBE_RING0, vmx_missing, begin, vmx_stop,
	  .op = op_vmread_other },
	{ "vmwrite", PROBE_RING0, vmx_missing, begin, vmx_stop,
	  .op = op_vmwrite },
	{ "vmwrite_other", PROBE_RING0, vmx_missing, begin, vmx_stop,
	  .op = op_vmwrite_other },
	{ "vmptrld", PROBE_RING0, vmx_missing, begin, vmx_stop,
	  .op = op_vmptrld },
	{ "vmclear", PROBE_RING0, vmx_missing, begin, vmx_stop,
	  .op = op_vmclear },
	{ .name = NULL },
};
