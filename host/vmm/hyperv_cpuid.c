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
	uint32_t eax, ebx, edx, advice;
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
		if (leaf != HV_LEAF_FEATURES)
			continue;
		reg[0] &= ~bits[i].eax;
		reg[1] &= ~bits[i].ebx;
		reg[3] &= ~bits[i].edx;
	}
}

uint32_t hv_leaf_has(const uint32_t features[4], const uint32_t advice[4])
{
	uint32_t has = 0;
	size_t i;

	for (i = 0; i < NR_BITS; i++)
		if (!(bits[i].eax & ~features[0]) &&
		    !(bits[i].edx & ~features[3]) &&
		    !(bits[i].advice & ~advice[0]))
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
	reg[1] = NEVER_SPIN_NOTIFY;
}

bool hv_leaf(const struct hv_model *hv, uint32_t leaf, uint32_t reg[4])
{
	memset(reg, 0, 4 * sizeof(reg[0]));
	switch (leaf) {
	case HV_LEAF_VENDOR:
		/* It must be 0x40000005 at the least. */
		reg[0] = hv->broken == HV_BREAK_LEAVES ? HV_LEAF_ADVICE
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
