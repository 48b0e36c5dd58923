/* SPDX-License-Identifier: MIT */
/* What the mini VMM serves of Hyper-V, as bytes. */
#include "vmm/hyperv_model.h"

#include <errno.h>
#include <string.h>

#define FORMAT 1u

struct timer_state {
	uint64_t config, count, due, waiting;
};

struct vp_state {
	uint64_t assist, scontrol, siefp, simp;
	uint64_t sint[HV_NR_SINTS];
	struct timer_state timer[HV_NR_STIMERS];
};

struct head {
	uint32_t format, features, nr_vps, sequence;
	uint64_t tsc_hz, ref, scale;
	int64_t offset;
	uint64_t os_id, hypercall, tsc_page;
};

_Static_assert(sizeof(struct head) + HV_MAX_VPS * sizeof(struct vp_state) <=
		       HV_STATE_MAX_BYTES,
	       "it fits");

static void save_vp(const struct hv_vp *v, struct vp_state *s)
{
	unsigned int i;

	*s = (struct vp_state){
		.assist = v->assist,
		.scontrol = v->scontrol,
		.siefp = v->siefp,
		.simp = v->simp,
	};
	memcpy(s->sint, v->sint, sizeof(s->sint));
	for (i = 0; i < HV_NR_STIMERS; i++)
		s->timer[i] = (struct timer_state){
			v->timer[i].config,
			v->timer[i].count,
			v->timer[i].due,
			v->timer[i].waiting,
		};
}

int hv_model_save(struct hv_model *hv, struct buf *state)
{
	const struct head h = {
		.format = FORMAT,
		.features = hv->features,
		.nr_vps = hv->nr_vps,
		.sequence = hv->clock.sequence,
		.tsc_hz = hv->tsc_hz,
		.ref = hv_now(hv),
		.scale = hv->clock.scale,
		.offset = hv->clock.offset,
		.os_id = hv->os_id,
		.hypercall = hv->hypercall,
		.tsc_page = hv->tsc_page,
	};
	unsigned int i;
	int rc = buf_append(state, &h, sizeof(h));

	for (i = 0; !rc && i < hv->nr_vps; i++) {
		struct vp_state s;

		save_vp(&hv->vp[i], &s);
		rc = buf_append(state, &s, sizeof(s));
	}
	return rc;
}

static bool timer_fits(const struct timer_state *t)
{
	if (t->config & ~HV_STIMER_VALID || t->waiting > 1)
		return false;
	/* It would be divided by. */
	return !t->due || t->count;
}

static bool vp_fits(const struct vp_state *s)
{
	unsigned int i;

	for (i = 0; i < HV_NR_SINTS; i++)
		if ((s->sint[i] & HV_SINT_VECTOR) < HV_SINT_MIN_VECTOR &&
		    !(s->sint[i] & HV_SINT_MASKED))
			return false;
	for (i = 0; i < HV_NR_STIMERS; i++)
		if (!timer_fits(&s->timer[i]))
			return false;
	return true;
}

int hv_model_check(const struct hv_model *hv, const void *bytes_at,
		   size_t bytes)
{
	struct reader r = { bytes_at, bytes };
	struct vp_state s;
	struct head h;
	unsigned int i;

	if (reader_get(&r, &h, sizeof(h)) || h.format != FORMAT)
		return -EPROTO;
	if (h.features != hv->features)
		return -ENOTSUP;
	if (h.nr_vps != hv->nr_vps || !h.sequence ||
	    h.sequence == UINT32_MAX || r.left != h.nr_vps * sizeof(s))
		return -EPROTO;
	for (i = 0; i < h.nr_vps; i++)
		if (reader_get(&r, &s, sizeof(s)) || !vp_fits(&s))
			return -EPROTO;
	return 0;
}

static void load_vp(struct hv_vp *v, const struct vp_state *s)
{
	unsigned int i;

	v->assist = s->assist;
	v->scontrol = s->scontrol;
	v->siefp = s->siefp;
	v->simp = s->simp;
	memcpy(v->sint, s->sint, sizeof(v->sint));
	for (i = 0; i < HV_NR_STIMERS; i++)
		v->timer[i] = (struct hv_timer){
			.config = s->timer[i].config,
			.count = s->timer[i].count,
			.due = s->timer[i].due,
			.waiting = s->timer[i].waiting,
		};
}

int hv_model_load(struct hv_model *hv, const void *bytes_at, size_t bytes,
		  uint64_t *ret_ref, uint64_t *ret_tsc_hz)
{
	struct reader r = { bytes_at, bytes };
	int rc = hv_model_check(hv, bytes_at, bytes);
	struct vp_state s;
	struct head h;
	unsigned int i;

	if (rc || reader_get(&r, &h, sizeof(h)))
		return rc ? rc : -EPROTO;
	hv->clock = (struct hv_clock){ h.sequence, h.scale, h.offset };
	hv->os_id = h.os_id;
	hv->hypercall = h.hypercall;
	hv->tsc_page = h.tsc_page;
	for (i = 0; i < h.nr_vps; i++)
		if (!reader_get(&r, &s, sizeof(s)))
			load_vp(&hv->vp[i], &s);
	*ret_ref = h.ref;
	*ret_tsc_hz = h.tsc_hz;
	return 0;
}
