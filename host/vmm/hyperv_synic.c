/* SPDX-License-Identifier: MIT */
/* The synthetic interrupt controller. Source: TLFS 11. */
#include "vmm/hyperv_model.h"

#include <string.h>

static bool is_sint(uint32_t msr)
{
	return msr >= HV_MSR_SINT0 && msr < HV_MSR_SINT0 + HV_NR_SINTS;
}

int hv_synic_read(struct hv_model *hv, unsigned int vp, uint32_t msr,
		  uint64_t *ret_value)
{
	const struct hv_vp *v = &hv->vp[vp];

	if (is_sint(msr)) {
		*ret_value = v->sint[msr - HV_MSR_SINT0];
		return 0;
	}
	switch (msr) {
	case HV_MSR_SCONTROL:
		*ret_value = v->scontrol;
		return 0;
	case HV_MSR_SVERSION:
		*ret_value = 1;
		return 0;
	case HV_MSR_SIEFP:
		*ret_value = v->siefp;
		return 0;
	case HV_MSR_SIMP:
		*ret_value = v->simp;
		return 0;
	case HV_MSR_EOM:
		*ret_value = 0;
		return 0;
	default:
		return -1;
	}
}

/* Fresh pages are zero; where one lies already, it is as it was. */
static int place(struct hv_model *hv, uint64_t *place, uint64_t value)
{
	uint64_t gpa = value & HV_PAGE_GPA;
	void *page;

	if ((value & HV_PAGE_ENABLED) &&
	    (*place & (HV_PAGE_GPA | HV_PAGE_ENABLED)) !=
		    (gpa | HV_PAGE_ENABLED)) {
		page = hv->ops->memory(hv->ctx, gpa, 4096);
		if (!page)
			return -1;
		memset(page, 0, 4096);
		hv->ops->wrote(hv->ctx, gpa, 4096);
	}
	*place = value;
	return 0;
}

static int write_sint(struct hv_vp *v, unsigned int sint, uint64_t value)
{
	if ((value & HV_SINT_VECTOR) < HV_SINT_MIN_VECTOR &&
	    !(value & HV_SINT_MASKED))
		return -1;
	v->sint[sint] = value;
	return 0;
}

int hv_synic_write(struct hv_model *hv, unsigned int vp, uint32_t msr,
		   uint64_t value)
{
	struct hv_vp *v = &hv->vp[vp];
	int rc = 0;

	if (is_sint(msr))
		rc = write_sint(v, msr - HV_MSR_SINT0, value);
	else if (msr == HV_MSR_SCONTROL)
		v->scontrol = value;
	else if (msr == HV_MSR_SIEFP)
		rc = place(hv, &v->siefp, value);
	else if (msr == HV_MSR_SIMP)
		rc = place(hv, &v->simp, value);
	else if (msr != HV_MSR_EOM)
		rc = -1;
	/* There may be room now, or somebody who listens. */
	if (!rc)
		hv_timer_retry(hv, vp);
	return rc;
}

static bool takes(const struct hv_vp *v, unsigned int sint)
{
	return (v->scontrol & HV_SCONTROL_ENABLED) &&
	       !(v->sint[sint] & HV_SINT_MASKED);
}

static void raise_sint(struct hv_model *hv, unsigned int vp, unsigned int sint)
{
	hv->ops->interrupt(hv->ctx, vp, (uint8_t)hv->vp[vp].sint[sint]);
}

bool hv_post(struct hv_model *hv, unsigned int vp, unsigned int sint,
	     uint32_t type, const void *payload, size_t bytes)
{
	const struct hv_vp *v = &hv->vp[vp];
	uint64_t gpa =
		(v->simp & HV_PAGE_GPA) + sint * sizeof(struct hv_message);
	struct hv_message *m;

	if (!takes(v, sint) || !(v->simp & HV_PAGE_ENABLED))
		return false;
	m = hv->ops->memory(hv->ctx, gpa, sizeof(*m));
	if (!m)
		return false;
	if (m->type != HV_MESSAGE_NONE) {
		__atomic_fetch_or(&m->flags, HV_MESSAGE_PENDING,
				  __ATOMIC_SEQ_CST);
		hv->ops->wrote(hv->ctx, gpa, sizeof(*m));
		/* Taken away meanwhile, without a look at the flag? */
		if (m->type != HV_MESSAGE_NONE)
			return false;
	}
	m->bytes = (uint8_t)bytes;
	m->flags = 0;
	m->origin = 0;
	memcpy(m->payload, payload, bytes);
	__atomic_store_n(&m->type,
			 hv->broken == HV_BREAK_message ? type + 1 : type,
			 __ATOMIC_RELEASE);
	hv->ops->wrote(hv->ctx, gpa, sizeof(*m));
	raise_sint(hv, vp, sint);
	return true;
}

uint16_t hv_signal(struct hv_model *hv, unsigned int vp, unsigned int sint,
		   unsigned int flag)
{
	const struct hv_vp *v = &hv->vp[vp];
	uint64_t gpa = (v->siefp & HV_PAGE_GPA) + sint * HV_EVENT_BYTES;
	uint8_t *flags, bit = (uint8_t)(1u << flag % 8);

	if (flag >= HV_EVENT_FLAGS)
		return HV_STATUS_INVALID_PARAMETER;
	if (!takes(v, sint) || !(v->siefp & HV_PAGE_ENABLED))
		return HV_STATUS_INVALID_CONNECTION;
	flags = hv->ops->memory(hv->ctx, gpa, HV_EVENT_BYTES);
	if (!flags)
		return HV_STATUS_INVALID_CONNECTION;
	if (hv->broken == HV_BREAK_event)
		return HV_STATUS_SUCCESS;
	/* A flag that is up already has had its interrupt. */
	if (__atomic_fetch_or(&flags[flag / 8], bit, __ATOMIC_SEQ_CST) & bit)
		return HV_STATUS_SUCCESS;
	hv->ops->wrote(hv->ctx, gpa, HV_EVENT_BYTES);
	raise_sint(hv, vp, sint);
	return HV_STATUS_SUCCESS;
}
