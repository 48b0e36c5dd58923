/* SPDX-License-Identifier: MIT */
/* Hyper-V's CPUID leaves. Source: TLFS 2.4, 4.2.2. */
#include "vmm/hyperv_model.h"

#include <string.h>

/* What the version leaf says: of a Windows Server 2016, as QEMU's does. */
#define BUILD 14393u
#define VERSION 0x000a0000u
#define NEVER_SPIN_NOTIFY UINT32_MAX

static const struct {
	enum hyperv_feature feature;
	uint32_t eax, ebx, edx, advice, nested;
} bits[] = {
	{ HYPERV_RELAXED, .advice = HV_ADVISES_RELAXED },
	{ HYPERV_VAPIC, .eax = HV_HAS_APIC_MSRS },
	{ HYPERV_VPINDEX, .eax = HV_HAS_VP_INDEX },
	{ HYPERV_RUNTIME, .eax = HV_HAS_RUNTIME },
	{ HYPERV_TIME, .eax = HV_HAS_TIME_REF | HV_HAS_TSC_PAGE },
	{ HYPERV_FREQUENCIES, .eax = HV_HAS_FREQUENCY,
	  .edx = HV_EDX_FREQUENCY },
	{ HYPERV_SYNIC, .eax = HV_HAS_SYNIC,
	  .ebx = HV_MAY_POST_MESSAGES | HV_MAY_SIGNAL_EVENTS },
	{ HYPERV_STIMER, .eax = HV_HAS_STIMER },
	{ HYPERV_STIMER_DIRECT, .edx = HV_EDX_STIMER_DIRECT },
	{ HYPERV_IPI, .advice = HV_ADVISES_CLUSTER_IPI },
	{ HYPERV_TLBFLUSH, .advice = HV_ADVISES_REMOTE_FLUSH },
	{ HYPERV_RESET, .eax = HV_HAS_RESET },
	{ HYPERV_CRASH, .edx = HV_EDX_CRASH },
	{ HYPERV_REENLIGHTENMENT, .eax = HV_HAS_REENLIGHTENMENT },
	{ HYPERV_XMM_INPUT, .edx = HV_EDX_XMM_INPUT },
	{ HYPERV_TLBFLUSH_EXT, .edx = HV_EDX_FLUSH_RANGES },
	{ HYPERV_EVMCS, .advice = HV_ADVISES_EVMCS, .nested = HV_NESTED_EVMCS },
	{ HYPERV_EMSR_BITMAP, .nested = HV_NESTED_MSR_BITMAP },
	{ HYPERV_TLBFLUSH_DIRECT, .nested = HV_NESTED_DIRECT_FLUSH },
};

#define NR_BITS (sizeof(bits) / sizeof(bits[0]))

void hv_mask_leaf(uint32_t refused, uint32_t leaf, uint32_t reg[4])
{
	size_t i;

	for (i = 0; i < NR_BITS; i++) {
		if (!(refused & HYPERV_BIT(bits[i].feature)))
			continue;
		if (leaf == HV_LEAF_ADVICE)
			reg[0] &= ~bits[i].advice;
		if (leaf == HV_LEAF_NESTED)
			reg[0] &= ~bits[i].nested;
		if (leaf != HV_LEAF_FEATURES)
			continue;
		reg[0] &= ~bits[i].eax;
		reg[1] &= ~bits[i].ebx;
		reg[3] &= ~bits[i].edx;
	}
}

uint32_t hv_leaf_has(const struct hv_leaves *l)
{
	uint32_t has = 0;
	size_t i;

	for (i = 0; i < NR_BITS; i++)
		if (!(bits[i].eax & ~l->features[0]) &&
		    !(bits[i].edx & ~l->features[3]) &&
		    !(bits[i].advice & ~l->advice) &&
		    (!bits[i].nested || (bits[i].nested & l->nested)))
			has |= HYPERV_BIT(bits[i].feature);
	return has;
}

static void features(const struct hv_model *hv, uint32_t reg[4])
{
	size_t i;

	reg[0] = HV_HAS_HYPERCALL;
	for (i = 0; i < NR_BITS; i++) {
		if (!(hv->features & HYPERV_BIT(bits[i].feature)))
			continue;
		reg[0] |= bits[i].eax;
		/* Nobody takes posted messages here. */
		reg[1] |= bits[i].ebx & ~HV_MAY_POST_MESSAGES;
		reg[3] |= bits[i].edx;
	}
}

static void advice(const struct hv_model *hv, uint32_t reg[4])
{
	size_t i;

	for (i = 0; i < NR_BITS; i++)
		if (hv->features & HYPERV_BIT(bits[i].feature))
			reg[0] |= bits[i].advice;
	if (reg[0] & (HV_ADVISES_CLUSTER_IPI | HV_ADVISES_REMOTE_FLUSH))
		reg[0] |= HV_ADVISES_EX_MASKS;
	/* The interrupt controllers are KVM's: it knows no such SINTs. */
	reg[0] |= HV_ADVISES_NO_AUTO_EOI;
	reg[1] = NEVER_SPIN_NOTIFY;
}

bool hv_leaf(const struct hv_model *hv, uint32_t leaf, uint32_t reg[4])
{
	memset(reg, 0, 4 * sizeof(reg[0]));
	switch (leaf) {
	case HV_LEAF_VENDOR:
		/* It must be 0x40000005 at the least. */
		reg[0] = hv->broken == HV_BREAK_leaves ? HV_LEAF_ADVICE
						       : HV_LEAF_HARDWARE;
		memcpy(reg + 1, "Microsoft Hv", 12);
		return true;
	case HV_LEAF_INTERFACE:
		reg[0] = HV_INTERFACE;
		return true;
	case HV_LEAF_VERSION:
		reg[0] = BUILD;
		reg[1] = VERSION;
		return true;
	case HV_LEAF_FEATURES:
		features(hv, reg);
		return true;
	case HV_LEAF_ADVICE:
		advice(hv, reg);
		return true;
	case HV_LEAF_LIMITS:
		reg[0] = HV_MAX_VPS;
		return true;
	case HV_LEAF_HARDWARE:
		return true;
	default:
		return false;
	}
}
