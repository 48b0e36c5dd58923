/* SPDX-License-Identifier: MIT */
/* Synthetic timers. Source: TLFS 12.5. */
#include "vmm/hyperv_model.h"

/* 50 us. */
#define MIN_PERIOD 500u

static struct hv_timer *timer_of(struct hv_model *hv, unsigned int vp,
				 uint32_t msr)
{
	unsigned int n = (msr - HV_MSR_STIMER0_CONFIG) / 2;

	return n < HV_NR_STIMERS ? &hv->vp[vp].timer[n] : NULL;
}

static bool is_count(uint32_t msr)
{
	return (msr - HV_MSR_STIMER0_CONFIG) & 1;
}

int hv_timer_read(struct hv_model *hv, unsigned int vp, uint32_t msr,
		  uint64_t *ret_value)
{
	const struct hv_timer *t = timer_of(hv, vp, msr);

	if (!t)
		return -1;
	*ret_value = is_count(msr) ? t->count : t->config;
	return 0;
}

static void stop(struct hv_timer *t)
{
	t->due = 0;
	t->waiting = false;
}

/* A guest that wants more of them keeps nobody busy. */
static uint64_t period(const struct hv_timer *t)
{
	return t->count < MIN_PERIOD ? MIN_PERIOD : t->count;
}

static void start(struct hv_model *hv, struct hv_timer *t)
{
	stop(t);
	if (!(t->config & HV_STIMER_ENABLED) || !t->count)
		return;
	t->due = t->count;
	if (t->config & HV_STIMER_PERIODIC)
		t->due = hv_now(hv) + period(t);
	/* A sum that wrapped is further away than anyone waits. */
	if (t->due < t->count)
		t->due = UINT64_MAX - 1;
}

static int write_config(struct hv_model *hv, struct hv_timer *t, uint64_t value)
{
	bool direct = value & HV_STIMER_DIRECT;

	if (value & ~HV_STIMER_VALID)
		return -1;
	if (direct && !(hv->features & HYPERV_BIT(HYPERV_STIMER_DIRECT)))
		return -1;
	/* SINT 0 takes no messages of timers. */
	if (!direct && !(value >> HV_STIMER_SINT_SHIFT))
		value &= ~HV_STIMER_ENABLED;
	t->config = value;
	return 0;
}

static void write_count(struct hv_timer *t, uint64_t value)
{
	t->count = value;
	if (!value)
		t->config &= ~HV_STIMER_ENABLED;
	else if (t->config & HV_STIMER_AUTO)
		t->config |= HV_STIMER_ENABLED;
}

int hv_timer_write(struct hv_model *hv, unsigned int vp, uint32_t msr,
		   uint64_t value)
{
	struct hv_timer *t = timer_of(hv, vp, msr);

	if (!t)
		return -1;
	if (is_count(msr))
		write_count(t, value);
	else if (write_config(hv, t, value))
		return -1;
	start(hv, t);
	hv->ops->rearm(hv->ctx);
	return 0;
}

/* Return: false: it must be tried again. */
static bool deliver(struct hv_model *hv, unsigned int vp, struct hv_timer *t,
		    uint64_t now)
{
	struct hv_timer_payload p = {
		.timer = (uint32_t)(t - hv->vp[vp].timer),
		.due = t->due,
		.delivered = now,
	};
	bool direct = t->config & HV_STIMER_DIRECT;
	bool periodic = t->config & HV_STIMER_PERIODIC;

	if (hv->broken == HV_BREAK_stimer_once && !periodic && !direct)
		return true;
	if (direct) {
		if (hv->broken != HV_BREAK_stimer_direct)
			hv->ops->interrupt(
				hv->ctx, vp,
				(uint8_t)(t->config >> HV_STIMER_VECTOR_SHIFT));
		return true;
	}
	return hv_post(hv, vp,
		       (unsigned int)(t->config >> HV_STIMER_SINT_SHIFT) & 15,
		       HV_MESSAGE_TIMER, &p, sizeof(p));
}

static void expire(struct hv_model *hv, unsigned int vp, struct hv_timer *t,
		   uint64_t now)
{
	uint64_t missed;

	t->waiting = !deliver(hv, vp, t, now);
	if (t->waiting)
		return;
	if (!(t->config & HV_STIMER_PERIODIC) ||
	    hv->broken == HV_BREAK_stimer_periodic) {
		t->config &= ~HV_STIMER_ENABLED;
		t->due = 0;
		return;
	}
	/* Periods that nobody saw are no more. */
	missed = now > t->due ? (now - t->due) / period(t) : 0;
	t->due += (missed + 1) * period(t);
	if (t->due < t->count)
		t->due = UINT64_MAX - 1;
}

void hv_timer_expire(struct hv_model *hv, uint64_t now)
{
	unsigned int vp, n;

	for (vp = 0; vp < hv->nr_vps; vp++)
		for (n = 0; n < HV_NR_STIMERS; n++) {
			struct hv_timer *t = &hv->vp[vp].timer[n];

			if (t->due && t->due <= now && !t->waiting)
				expire(hv, vp, t, now);
		}
}

void hv_timer_retry(struct hv_model *hv, unsigned int vp)
{
	unsigned int n;
	bool any = false;

	for (n = 0; n < HV_NR_STIMERS; n++) {
		struct hv_timer *t = &hv->vp[vp].timer[n];

		if (!t->waiting)
			continue;
		expire(hv, vp, t, hv_now(hv));
		any = true;
	}
	if (any)
		hv->ops->rearm(hv->ctx);
}

uint64_t hv_next_due(const struct hv_model *hv)
{
	uint64_t next = UINT64_MAX;
	unsigned int vp, n;

	for (vp = 0; vp < hv->nr_vps; vp++)
		for (n = 0; n < HV_NR_STIMERS; n++) {
			const struct hv_timer *t = &hv->vp[vp].timer[n];

			if (t->due && !t->waiting && t->due < next)
				next = t->due;
		}
	return next;
}
