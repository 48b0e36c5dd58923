/* SPDX-License-Identifier: MIT */
/* Synthetic registers but those of the SynIC and the timers. */
#include "vmm/hyperv_model.h"

#include <string.h>

/* OUT to HV_CALL_PORT, RET: what the hypercall page holds. */
static const uint8_t call_code[] = { 0xe7, HV_CALL_PORT, 0xc3 };

void hv_model_init(struct hv_model *hv, unsigned int nr_vps, uint32_t features,
		   enum hv_break broken)
{
	unsigned int i, k;

	memset(hv, 0, sizeof(*hv));
	hv->nr_vps = nr_vps;
	hv->features = features;
	hv->broken = broken;
	for (i = 0; i < nr_vps; i++)
		for (k = 0; k < HV_NR_SINTS; k++)
			hv->vp[i].sint[k] = HV_SINT_MASKED;
}

static bool has(const struct hv_model *hv, enum hyperv_feature feature)
{
	return hv->features & HYPERV_BIT(feature);
}

uint64_t hv_now(struct hv_model *hv)
{
	return hv_clock_at(&hv->clock, hv->ops->tsc(hv->ctx));
}

uint64_t hv_runtime(struct hv_model *hv, unsigned int vp)
{
	return hv->vp[vp].ran_before + hv->ops->runtime(hv->ctx, vp);
}

void hv_write_tsc_page(struct hv_model *hv)
{
	uint64_t gpa = hv->tsc_page & HV_PAGE_GPA;
	struct hv_tsc_page *page;

	if (!(hv->tsc_page & HV_PAGE_ENABLED))
		return;
	page = hv->ops->memory(hv->ctx, gpa, 4096);
	if (!page)
		return;
	/* 0 while it changes: readers take the register meanwhile. */
	__atomic_exchange_n(&page->sequence, 0, __ATOMIC_ACQ_REL);
	page->scale = hv->clock.scale;
	page->offset = hv->clock.offset +
		       (hv->broken == HV_BREAK_tsc_page ? 1000000 : 0);
	__atomic_store_n(&page->sequence,
			 hv->clock.scale ? hv->clock.sequence : 0,
			 __ATOMIC_RELEASE);
	hv->ops->wrote(hv->ctx, gpa, sizeof(*page));
}

static void write_os_id(struct hv_model *hv, uint64_t value)
{
	if (hv->broken == HV_BREAK_os_id)
		value &= ~0xffull;
	hv->os_id = value;
	/* Who is nobody makes no calls. */
	if (!value)
		hv->hypercall &= ~HV_PAGE_ENABLED;
}

static int write_hypercall(struct hv_model *hv, uint64_t value)
{
	uint64_t gpa = value & HV_PAGE_GPA;
	uint8_t *page;

	if (hv->hypercall & HV_HYPERCALL_LOCKED)
		return 0;
	if (!hv->os_id)
		value &= ~HV_PAGE_ENABLED;
	if (value & HV_PAGE_ENABLED) {
		page = hv->ops->memory(hv->ctx, gpa, 4096);
		if (!page)
			return -1;
		memset(page, 0xcc, 4096);
		memcpy(page, call_code, sizeof(call_code));
		/* A page that does nothing. */
		if (hv->broken == HV_BREAK_hypercall)
			page[0] = page[1] = 0x90;
		hv->ops->wrote(hv->ctx, gpa, 4096);
	}
	hv->hypercall = value;
	return 0;
}

static int write_tsc_page(struct hv_model *hv, uint64_t value)
{
	if ((value & HV_PAGE_ENABLED) &&
	    !hv->ops->memory(hv->ctx, value & HV_PAGE_GPA, 4096))
		return -1;
	hv->tsc_page = value;
	hv_write_tsc_page(hv);
	return 0;
}

static int write_assist(struct hv_model *hv, struct hv_vp *vp, uint64_t value)
{
	uint64_t gpa = value & HV_PAGE_GPA;
	uint32_t *page;

	if (value & HV_PAGE_ENABLED) {
		page = hv->ops->memory(hv->ctx, gpa, 4096);
		if (!page)
			return -1;
		*page = hv->broken == HV_BREAK_vp_assist ? UINT32_MAX : 0;
		hv->ops->wrote(hv->ctx, gpa, sizeof(*page));
	}
	vp->assist = value;
	return 0;
}

static uint64_t vp_index(struct hv_model *hv, unsigned int vp)
{
	if (hv->broken == HV_BREAK_vp_index)
		return hv->nr_reads++ % hv->nr_vps + 1;
	return vp;
}

/* The feature that a register belongs to; -1 = always there. */
static int feature_of(uint32_t msr)
{
	switch (msr) {
	case HV_MSR_GUEST_OS_ID:
	case HV_MSR_HYPERCALL:
		return -1;
	case HV_MSR_VP_INDEX:
		return HYPERV_VPINDEX;
	case HV_MSR_VP_RUNTIME:
		return HYPERV_RUNTIME;
	case HV_MSR_TIME_REF_COUNT:
	case HV_MSR_REFERENCE_TSC:
		return HYPERV_TIME;
	case HV_MSR_TSC_FREQUENCY:
	case HV_MSR_APIC_FREQUENCY:
		return HYPERV_FREQUENCIES;
	case HV_MSR_EOI:
	case HV_MSR_ICR:
	case HV_MSR_TPR:
	case HV_MSR_VP_ASSIST_PAGE:
		return HYPERV_VAPIC;
	default:
		return msr >= HV_MSR_STIMER0_CONFIG ? HYPERV_STIMER
						    : HYPERV_SYNIC;
	}
}

static bool may_use(const struct hv_model *hv, uint32_t msr)
{
	int feature = feature_of(msr);

	return feature < 0 || has(hv, (enum hyperv_feature)feature);
}

static uint64_t frequency(const struct hv_model *hv, uint32_t msr)
{
	uint64_t hz = msr == HV_MSR_TSC_FREQUENCY ? hv->tsc_hz : hv->apic_hz;
	bool broken = hv->broken == (msr == HV_MSR_TSC_FREQUENCY
					     ? HV_BREAK_tsc_frequency
					     : HV_BREAK_apic_frequency);

	return broken ? hz + hz / 16 : hz;
}

int hv_msr_read(struct hv_model *hv, unsigned int vp, uint32_t msr,
		uint64_t *ret_value)
{
	if (!may_use(hv, msr))
		return -1;
	switch (msr) {
	case HV_MSR_GUEST_OS_ID:
		*ret_value = hv->os_id;
		return 0;
	case HV_MSR_HYPERCALL:
		*ret_value = hv->hypercall;
		return 0;
	case HV_MSR_VP_INDEX:
		*ret_value = vp_index(hv, vp);
		return 0;
	case HV_MSR_VP_RUNTIME:
		*ret_value = hv->broken == HV_BREAK_vp_runtime
				     ? 0
				     : hv_runtime(hv, vp);
		return 0;
	case HV_MSR_TIME_REF_COUNT:
		*ret_value = hv_now(hv);
		/* Once in a hundred, by 10 us. */
		if (hv->broken == HV_BREAK_time_ref &&
		    hv->nr_reads++ % 100 == 99)
			*ret_value += 10000;
		return 0;
	case HV_MSR_REFERENCE_TSC:
		*ret_value = hv->tsc_page;
		return 0;
	case HV_MSR_TSC_FREQUENCY:
	case HV_MSR_APIC_FREQUENCY:
		*ret_value = frequency(hv, msr);
		return 0;
	case HV_MSR_EOI:
	case HV_MSR_ICR:
	case HV_MSR_TPR:
		return hv_apic_read(hv, vp, msr, ret_value);
	case HV_MSR_VP_ASSIST_PAGE:
		*ret_value = hv->vp[vp].assist;
		return 0;
	default:
		return feature_of(msr) == HYPERV_STIMER
			       ? hv_timer_read(hv, vp, msr, ret_value)
			       : hv_synic_read(hv, vp, msr, ret_value);
	}
}

int hv_msr_write(struct hv_model *hv, unsigned int vp, uint32_t msr,
		 uint64_t value)
{
	if (!may_use(hv, msr))
		return -1;
	switch (msr) {
	case HV_MSR_GUEST_OS_ID:
		write_os_id(hv, value);
		return 0;
	case HV_MSR_HYPERCALL:
		return write_hypercall(hv, value);
	case HV_MSR_REFERENCE_TSC:
		return write_tsc_page(hv, value);
	case HV_MSR_EOI:
	case HV_MSR_ICR:
	case HV_MSR_TPR:
		return hv_apic_write(hv, vp, msr, value);
	case HV_MSR_VP_ASSIST_PAGE:
		return write_assist(hv, &hv->vp[vp], value);
	case HV_MSR_VP_INDEX:
	case HV_MSR_VP_RUNTIME:
	case HV_MSR_TIME_REF_COUNT:
	case HV_MSR_TSC_FREQUENCY:
	case HV_MSR_APIC_FREQUENCY:
		return -1;
	default:
		return feature_of(msr) == HYPERV_STIMER
			       ? hv_timer_write(hv, vp, msr, value)
			       : hv_synic_write(hv, vp, msr, value);
	}
}
