/* SPDX-License-Identifier: MIT */
/* What the mini VMM serves of Hyper-V, as bytes: by a table, fields.h. */
#ifndef VMFERRY_VMM_HYPERV_STATE_H
#define VMFERRY_VMM_HYPERV_STATE_H

#include "base/error.h"
#include "vmm/fields.h"
#include "vmm/hyperv_model.h"

#define HV_STATE_MAX_BYTES 32768u

struct hv_saved_vp {
	uint64_t assist, scontrol, siefp, simp, runtime;
	uint64_t sint[HV_NR_SINTS];
	struct hv_timer timer[HV_NR_STIMERS];
};

struct hv_saved {
	uint32_t features;
	uint16_t nr_vps;
	struct hv_clock clock;
	uint64_t tsc_hz, ref; /* the reference time when it was saved */
	uint64_t os_id, hypercall, tsc_page;
	struct hv_saved_vp vp[HV_MAX_VPS];
};

extern const struct fields hv_fields;

int hv_state_save(struct hv_model *hv, struct buf *state);

/**
 * hv_state_read() - the other way round, and check it.
 * @state: hostile.
 * @ret_saved: holds anything on failure.
 *
 * Return: 0; -EPROTO or, for another set of features, -ENOTSUP, with a
 * sentence.
 */
int hv_state_read(const struct hv_model *hv, const uint8_t *state, size_t bytes,
		  struct hv_saved *ret_saved, struct error *err);
/* Takes over what was read; the caller moves the clock. */
void hv_state_load(struct hv_model *hv, const struct hv_saved *saved);

/* Does this value go on by itself, or change with a migration? */
bool hv_state_is_time(const char *name);

#endif
