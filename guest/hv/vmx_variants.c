/* SPDX-License-Identifier: MIT */
/* VMX's variants, and what its instructions cost L1. */
#include "hv/nested.h"
#include "hv/probe.h"
#include "hv/vmx.h"
#include "x86/insn_vmx.h"

#define EVMCS (VMX_EVMCS | VMX_MSR_BITMAP)

static const struct nested_variant variants[] = {
	{ "plain", 0 },
	{ "msr-bitmap", VMX_MSR_BITMAP },
	{ "two", VMX_MSR_BITMAP | VMX_TWO },
	{ "evmcs", EVMCS },
	{ "evmcs-never-clean", EVMCS | VMX_CLEAN_NEVER },
	{ "evmcs-forgotten", EVMCS | VMX_CLEAN_FORGET },
	{ "evmcs-msr-bitmap", EVMCS | VMX_EVMCS_BITMAP },
	{ "evmcs-direct-flush", EVMCS | VMX_DIRECT_FLUSH },
	{ "evmcs-two", EVMCS | VMX_TWO },
	{ NULL, 0 },
};

static uint64_t exits(void)
{
	return vmx_run.exits - vmx_run.interrupts;
}

static uint64_t detail(void)
{
	return vmx_run.detail;
}

const struct nested_backend nested_vmx = {
	.name = "vmx",
	.variants = variants,
	.missing = vmx_missing,
	.flags_missing = vmx_flags_missing,
	.start = vmx_start,
	.prove = vmx_prove,
	.call = vmx_call,
	.exits = exits,
	.detail = detail,
	.stop = vmx_stop,
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
