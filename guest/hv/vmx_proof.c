/* SPDX-License-Identifier: MIT */
/*
 * Each variant proved by what only it can do. ROUNDS operations in L2 each
 * time, and the exits to L1 counted: all of them, or none.
 */
#include "hv/vmx.h"

#include <stddef.h>

#include "x86/cpu.h"
#include "x86/insn_vmx.h"

#define ROUNDS 20u
#define MSR_KERNEL_GS_BASE 0xc0000102u

/* Source: TLFS, HvCallFlushVirtualAddressSpace. */
#define CALL_FLUSH 2u
#define FLUSH_ALL_VCPUS 1u
#define FLUSH_ALL_SPACES 2u

static const struct {
	uint64_t space, flags, vcpus;
} flush_input __attribute__((aligned(32))) = {
	.flags = FLUSH_ALL_VCPUS | FLUSH_ALL_SPACES,
};

/* In L2: how many had L1's answer. */
static uint64_t l2_cpuid(void *arg)
{
	uint64_t i, marked = 0;

	(void)arg;
	for (i = 0; i < ROUNDS; i++)
		marked += cpuid(0, 0).ebx == VMX_CPUID_MARK;
	return marked;
}

static uint64_t l2_rdmsr(void *arg)
{
	uint64_t i, right = 0;

	for (i = 0; i < ROUNDS; i++)
		right += rdmsr(MSR_KERNEL_GS_BASE) == *(uint64_t *)arg;
	return right;
}

static uint64_t l2_flush(void *arg)
{
	uint64_t i, right = 0;

	for (i = 0; i < ROUNDS; i++)
		right += (vmcall(CALL_FLUSH, (uint64_t)arg, 0) & 0xffff) == 0;
	return right;
}

static uint64_t l2_flags(void *arg)
{
	cpuid(0, 0);
	cpuid(0, 0);
	(void)arg;
	return read_rflags() & RFLAGS_ID ? 1 : 0;
}

/* @fn in L2 must give @value, with @exits to L1. */
static const char *expect(uint64_t (*fn)(void *arg), void *arg, uint64_t value,
			  uint64_t exits, const char *sentence)
{
	uint64_t got = 0;
	const char *why = vmx_call(fn, arg, &got);

	if (why)
		return why;
	vmx_run.detail = vmx_run.exits - vmx_run.interrupts;
	return got == value && vmx_run.detail == exits ? NULL : sentence;
}

/* What L1 writes into the VMCS arrives in L2; if its group is never marked, it
 * doesn't, and what L1 has written is overwritten. */
static const char *prove_writes(void)
{
	bool forget = vmx_run.flags & VMX_CLEAN_FORGET;
	const char *why;

	vmx_run.set_id = 1;
	why = expect(l2_flags, NULL, !forget, 2,
		     forget ? "a group not marked was read all the same"
			    : "L2 doesn't see what L1 has written");
	vmx_run.set_id = 0;
	if (!why && !(vmx_run.last[8] & RFLAGS_ID) != forget)
		why = "what L1 wrote was not overwritten as it must be";
	return why;
}

static const char *prove_bitmap(void)
{
	uint64_t gs = rdmsr(MSR_KERNEL_GS_BASE);
	const char *why;

	if (!(vmx_run.flags & VMX_MSR_BITMAP))
		return expect(l2_rdmsr, &gs, ROUNDS, ROUNDS,
			      "without a bitmap not each RDMSR exits");
	why = expect(l2_rdmsr, &gs, ROUNDS, 0,
		     "a bit that is clear doesn't let RDMSR pass");
	vmx_intercept_read(MSR_KERNEL_GS_BASE, true);
	if (!why && vmx_run.flags & VMX_EVMCS_BITMAP) {
		why = expect(l2_rdmsr, &gs, ROUNDS, 0,
			     "the bitmap was read with its clean bit set");
		evmcs_set_msr_bitmap(vmx_e, (uint64_t)vmx_msr_bitmap);
	}
	if (!why)
		why = expect(l2_rdmsr, &gs, ROUNDS, ROUNDS,
			     "a bit that is set doesn't make RDMSR exit");
	vmx_intercept_read(MSR_KERNEL_GS_BASE, false);
	if (vmx_run.flags & VMX_EVMCS_BITMAP)
		evmcs_set_msr_bitmap(vmx_e, (uint64_t)vmx_msr_bitmap);
	return why;
}

/* The ordinary VMCS is out of use: VMWRITE finds none. And out of the
 * enlightened one an ordinary one can be had again, and back. */
static const char *prove_evmcs(void)
{
	uint32_t flags = vmx_run.flags;
	const char *why;

	if (vmwrite(VMCS_guest_rip, 0))
		return "VMWRITE works: the enlightened VMCS is not in use";
	why = vmx_change(0);
	if (!why)
		why = expect(l2_cpuid, NULL, ROUNDS, ROUNDS,
			     "an ordinary VMCS afterwards doesn't work");
	if (!why)
		why = vmx_change(flags);
	if (!why)
		why = expect(l2_cpuid, NULL, ROUNDS, ROUNDS,
			     "the enlightened VMCS doesn't work again");
	return why;
}

const char *vmx_prove(void)
{
	uint32_t flags = vmx_run.flags;
	const char *why = expect(l2_cpuid, NULL, ROUNDS, ROUNDS,
				 "CPUID in L2 doesn't have L1's answers");

	if (!why && flags & VMX_TWO)
		why = expect(l2_cpuid, NULL, ROUNDS, ROUNDS,
			     "the second VMCS doesn't work");
	if (!why)
		why = prove_writes();
	if (!why)
		why = prove_bitmap();
	if (!why && flags & VMX_DIRECT_FLUSH)
		why = expect(l2_flush, (void *)&flush_input, ROUNDS, 0,
			     "flushes of L2 reach L1");
	else if (!why)
		why = expect(l2_flush, (void *)&flush_input, ROUNDS, ROUNDS,
			     "flushes of L2 don't reach L1");
	if (!why && flags & VMX_EVMCS)
		why = prove_evmcs();
	return why;
}
