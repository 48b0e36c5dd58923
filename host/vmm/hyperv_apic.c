/* SPDX-License-Identifier: MIT */
/*
 * The LAPIC's registers under synthetic numbers: what an x2APIC has.
 *
 * Source: TLFS 10.2.3 (virtual interrupt control MSRs); Intel SDM vol. 3A,
 * 11.12.1.2 (x2APIC register address space).
 */
#include "vmm/hyperv_model.h"

#define X2APIC_TPR 0x808u
#define X2APIC_EOI 0x80bu
#define X2APIC_ICR 0x830u
/* The destination: bits 56 to 63, and of an x2APIC the upper half. */
#define ICR_SHIFT 56
#define X2APIC_ICR_SHIFT 32

int hv_apic_read(struct hv_model *hv, unsigned int vp, uint32_t msr,
		 uint64_t *ret_value)
{
	uint64_t icr;

	if (msr == HV_MSR_TPR)
		return hv->ops->apic_read(hv->ctx, vp, X2APIC_TPR, ret_value);
	if (msr != HV_MSR_ICR ||
	    hv->ops->apic_read(hv->ctx, vp, X2APIC_ICR, &icr))
		return -1;
	*ret_value = (uint32_t)icr | icr >> X2APIC_ICR_SHIFT << ICR_SHIFT;
	return 0;
}

int hv_apic_write(struct hv_model *hv, unsigned int vp, uint32_t msr,
		  uint64_t value)
{
	switch (msr) {
	case HV_MSR_EOI:
		/* 32 bits of anything; the LAPIC wants 0. */
		return value >> 32 ? -1
				   : hv->ops->apic_write(hv->ctx, vp,
							 X2APIC_EOI, 0);
	case HV_MSR_TPR:
		return value > 0xff ? -1
				    : hv->ops->apic_write(hv->ctx, vp,
							  X2APIC_TPR, value);
	default:
		return hv->ops->apic_write(
			hv->ctx, vp, X2APIC_ICR,
			(uint32_t)value | value >> ICR_SHIFT
							   << X2APIC_ICR_SHIFT);
	}
}
