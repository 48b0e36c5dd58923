/* SPDX-License-Identifier: MIT */
/* What the mini VMM serves of Hyper-V: saved, looked at, loaded. */
#include "vmm/hyperv_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SAVED(member, type, max)                                               \
	FIELD_NUMBER(struct hv_saved, member, type, 1, max)
#define VP(member) FIELD_NUMBER(struct hv_saved_vp, member, FIELD_U64, 1, 0)
#define TIMER(member, type, max)                                               \
	FIELD_NUMBER(struct hv_timer, member, type, 1, max)

static const struct field timer_field[] = {
	TIMER(config, FIELD_U64, HV_STIMER_VALID),
	TIMER(count, FIELD_U64, 0),
	TIMER(due, FIELD_U64, 0),
	TIMER(waiting, FIELD_U8, 1),
};

static const struct fields timer_fields = {
	.name = "timer",
	.version = 1,
	.nr = COUNT(timer_field),
	.field = timer_field,
};

#define TIMER_OF_VP(n)                                                         \
	{                                                                      \
		.name = "timer" #n, .type = FIELD_TABLE, .since = 1,           \
		.offset = offsetof(struct hv_saved_vp, timer[n]),              \
		.table = &timer_fields                                         \
	}

static const struct field vp_field[] = {
	VP(assist),	VP(scontrol),	VP(siefp),	VP(simp),
	VP(runtime),	VP(sint[0]),	VP(sint[1]),	VP(sint[2]),
	VP(sint[3]),	VP(sint[4]),	VP(sint[5]),	VP(sint[6]),
	VP(sint[7]),	VP(sint[8]),	VP(sint[9]),	VP(sint[10]),
	VP(sint[11]),	VP(sint[12]),	VP(sint[13]),	VP(sint[14]),
	VP(sint[15]),	TIMER_OF_VP(0), TIMER_OF_VP(1), TIMER_OF_VP(2),
	TIMER_OF_VP(3),
};

static const struct fields vp_fields = {
	.name = "vp",
	.version = 1,
	.nr = COUNT(vp_field),
	.field = vp_field,
};

static const struct field saved_field[] = {
	SAVED(features, FIELD_U32, 0),
	SAVED(nr_vps, FIELD_U16, HV_MAX_VPS),
	SAVED(clock.sequence, FIELD_U32, UINT32_MAX - 1),
	SAVED(clock.scale, FIELD_U64, 0),
	SAVED(clock.offset, FIELD_U64, 0),
	SAVED(tsc_hz, FIELD_U64, 0),
	SAVED(ref, FIELD_U64, 0),
	SAVED(os_id, FIELD_U64, 0),
	SAVED(hypercall, FIELD_U64, 0),
	SAVED(tsc_page, FIELD_U64, 0),
	{ .name = "vp",
	  .type = FIELD_LIST,
	  .since = 1,
	  .offset = offsetof(struct hv_saved, vp),
	  .bytes = sizeof(struct hv_saved_vp),
	  .table = &vp_fields,
	  .count = offsetof(struct hv_saved, nr_vps),
	  .max_count = HV_MAX_VPS },
};

const struct fields hv_fields = {
	.name = "hyperv",
	.version = 1,
	.nr = COUNT(saved_field),
	.field = saved_field,
};

_Static_assert(sizeof(struct hv_saved) <= HV_STATE_MAX_BYTES, "it fits");

static void save_vp(struct hv_model *hv, unsigned int vp, struct hv_saved_vp *s)
{
	const struct hv_vp *v = &hv->vp[vp];

	s->assist = v->assist;
	s->scontrol = v->scontrol;
	s->siefp = v->siefp;
	s->simp = v->simp;
	s->runtime = hv_runtime(hv, vp);
	memcpy(s->sint, v->sint, sizeof(s->sint));
	memcpy(s->timer, v->timer, sizeof(s->timer));
}

int hv_state_save(struct hv_model *hv, struct buf *state)
{
	struct hv_saved *s = calloc(1, sizeof(*s));
	unsigned int i;
	int rc;

	if (!s)
		return -ENOMEM;
	s->features = hv->features;
	s->nr_vps = (uint16_t)hv->nr_vps;
	s->clock = hv->clock;
	s->tsc_hz = hv->tsc_hz;
	s->ref = hv_now(hv);
	s->os_id = hv->os_id;
	s->hypercall = hv->hypercall;
	s->tsc_page = hv->tsc_page;
	for (i = 0; i < hv->nr_vps; i++)
		save_vp(hv, i, &s->vp[i]);
	rc = fields_save(&hv_fields, hv_fields.version, s, state);
	free(s);
	return rc;
}

/* What no write to a register leaves behind. */
static const char *vp_trouble(const struct hv_saved_vp *s)
{
	unsigned int i;

	for (i = 0; i < HV_NR_SINTS; i++)
		if ((s->sint[i] & HV_SINT_VECTOR) < HV_SINT_MIN_VECTOR &&
		    !(s->sint[i] & HV_SINT_MASKED))
			return "an open SINT with a vector below 16";
	for (i = 0; i < HV_NR_STIMERS; i++)
		/* It is divided by. */
		if (s->timer[i].due && !s->timer[i].count)
			return "a timer that runs without a count";
	return NULL;
}

int hv_state_read(const struct hv_model *hv, const uint8_t *state, size_t bytes,
		  struct hv_saved *s, struct error *err)
{
	const char *trouble;
	unsigned int i;
	int rc = fields_load(&hv_fields, state, bytes, "hyperv", s, err);

	if (rc)
		return rc;
	if (s->features != hv->features)
		return error_set(err, -ENOTSUP,
				 "the source's Hyper-V interface has other "
				 "features (0x%x) than this machine's (0x%x): "
				 "the same --hyperv and --hv-... are needed",
				 s->features, hv->features);
	if (s->nr_vps != hv->nr_vps || !s->clock.sequence)
		return error_set(err, -EPROTO,
				 "the state of hyperv is of %u vCPUs and has "
				 "the clock's sequence %u",
				 s->nr_vps, s->clock.sequence);
	for (i = 0; i < s->nr_vps; i++) {
		trouble = vp_trouble(&s->vp[i]);
		if (trouble)
			return error_set(err, -EPROTO,
					 "the state of hyperv: vCPU %u has %s",
					 i, trouble);
	}
	return 0;
}

void hv_state_load(struct hv_model *hv, const struct hv_saved *s)
{
	unsigned int i;

	hv->clock = s->clock;
	hv->os_id = s->os_id;
	hv->hypercall = s->hypercall;
	hv->tsc_page = s->tsc_page;
	for (i = 0; i < hv->nr_vps; i++) {
		struct hv_vp *v = &hv->vp[i];

		v->assist = s->vp[i].assist;
		v->scontrol = s->vp[i].scontrol;
		v->siefp = s->vp[i].siefp;
		v->simp = s->vp[i].simp;
		v->ran_before = s->vp[i].runtime - hv->ops->runtime(hv->ctx, i);
		memcpy(v->sint, s->vp[i].sint, sizeof(v->sint));
		memcpy(v->timer, s->vp[i].timer, sizeof(v->timer));
	}
}

bool hv_state_is_time(const char *name)
{
	static const char *const times[] = { "clock.sequence", "clock.scale",
					     "clock.offset", "tsc_hz", "ref" };
	size_t n = strlen(name), i;

	for (i = 0; i < COUNT(times); i++)
		if (!strcmp(times[i], name))
			return true;
	return n > 8 && !strcmp(name + n - 8, ".runtime");
}
