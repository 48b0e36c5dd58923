/* SPDX-License-Identifier: MIT */
/*
 * What Hyper-V offers to a hypervisor, and the VP assist page by which it is
 * taken. Source: TLFS, "Nested virtualization".
 */
#include "hv/l2.h"

#include "hyperv.h"
#include "lib/string.h"
#include "x86/cpu.h"

/* An open source OS of no vendor: only that it is not 0 matters. */
#define OS_ID 0x8200000000000000ull

/* VP assist page. */
#define ASSIST_NESTED_CONTROL 32u
#define DIRECT_HYPERCALL 1u
#define ASSIST_ENLIGHTEN 40u
#define ASSIST_CURRENT 48u

#define PAGE __attribute__((section(".bss.page")))
static uint8_t assist[4096] PAGE;
uint8_t l2_partition[4096] PAGE;

const char *l2_hyperv_missing(uint32_t flags)
{
	uint32_t nested;

	if (cpuid(HV_LEAF_INTERFACE, 0).eax != HV_INTERFACE ||
	    cpuid(HV_LEAF_VENDOR, 0).eax < HV_LEAF_NESTED)
		return "no Hyper-V interface with nested features";
	nested = cpuid(HV_LEAF_NESTED, 0).eax;
	if (flags & L2_HV_BITMAP && !(nested & HV_NESTED_MSR_BITMAP))
		return "no enlightened MSR bitmap is offered";
	if (flags & L2_HV_FLUSH && !(nested & HV_NESTED_DIRECT_FLUSH))
		return "no direct flush is offered";
	return NULL;
}

void l2_hyperv_open(uint32_t flags, uint64_t evmcs)
{
	uint32_t control = flags & L2_HV_FLUSH ? DIRECT_HYPERCALL : 0;

	if (!rdmsr(HV_MSR_GUEST_OS_ID))
		wrmsr(HV_MSR_GUEST_OS_ID, OS_ID);
	if (!evmcs && !(flags & (L2_HV_FLUSH | L2_HV_ASSIST)))
		return;
	memcpy(assist + ASSIST_NESTED_CONTROL, &control, sizeof(control));
	memcpy(assist + ASSIST_CURRENT, &evmcs, sizeof(evmcs));
	assist[ASSIST_ENLIGHTEN] = evmcs != 0;
	wrmsr(HV_MSR_VP_ASSIST_PAGE, (uint64_t)assist | HV_PAGE_ENABLED);
}

void l2_hyperv_close(void)
{
	uint64_t none = 0;

	assist[ASSIST_ENLIGHTEN] = 0;
	memcpy(assist + ASSIST_CURRENT, &none, sizeof(none));
	wrmsr(HV_MSR_VP_ASSIST_PAGE, 0);
}
