/* SPDX-License-Identifier: MIT */
/* Hyper-V of our own, moving with the machine: section HYPERV. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/hyperv_impl.h"
#include "vmm/hyperv_state.h"
#include "vmm/state_format.h"
#include "vmm/state_teller.h"

int hyperv_save(struct vm *vm, struct buf *state)
{
	struct hyperv *h = vm->hv;
	struct buf bytes = BUF_INIT;
	int rc;

	if (!h)
		return 0;
	pthread_mutex_lock(&h->lock);
	h->caller = &vm->vcpu[0];
	rc = hv_state_save(&h->model, &bytes);
	pthread_mutex_unlock(&h->lock);
	if (!rc)
		rc = state_append(state, STATE_HYPERV, 0, bytes.data,
				  bytes.bytes);
	buf_exit(&bytes);
	return rc;
}

int hyperv_check(const struct vm *vm, const struct state_part *part,
		 struct error *err)
{
	struct hv_saved *saved;
	int rc;

	if (!vm->hv != !part->data)
		return error_set(err, -ENOTSUP,
				 "the source %s, and this machine %s: the same "
				 "--hyperv and --hv-... are needed",
				 part->data ? "has --hyperv user" : "has not",
				 part->data ? "has not" : "has --hyperv user");
	if (!part->data)
		return 0;
	saved = malloc(sizeof(*saved));
	if (!saved)
		return error_set(err, -ENOMEM, "out of memory");
	rc = hv_state_read(&vm->hv->model, part->data, part->bytes, saved, err);
	free(saved);
	return rc;
}

static void move_clock(struct hyperv *h, const struct hv_saved *saved,
		       uint64_t elapsed_ns)
{
	struct hv_clock_move move = {
		.ref = saved->ref,
		.elapsed_100ns = elapsed_ns / 100,
		.saved_tsc_hz = saved->tsc_hz,
	};

	/* A host that can scale the TSC has it as it was. */
	if (h->vm->caps.tsc_control && hv_clock_scale(saved->tsc_hz))
		h->model.tsc_hz = saved->tsc_hz;
	hyperv_see_tsc(h, &h->vm->vcpu[0]);
	move.tsc = h->seen_tsc;
	move.tsc_hz = h->model.tsc_hz;
	hv_clock_move(&h->model.clock, &move);
	h->moved = true;
}

int hyperv_load(struct vm *vm, const struct state_part *part,
		uint64_t elapsed_ns)
{
	struct hyperv *h = vm->hv;
	struct hv_saved *saved;
	int rc;

	if (!h)
		return 0;
	saved = malloc(sizeof(*saved));
	if (!saved)
		return -ENOMEM;
	pthread_mutex_lock(&h->lock);
	rc = hv_state_read(&h->model, part->data, part->bytes, saved, NULL);
	if (!rc) {
		hv_state_load(&h->model, saved);
		move_clock(h, saved, elapsed_ns);
	}
	pthread_mutex_unlock(&h->lock);
	free(saved);
	return rc;
}

static void tell(void *ctx, const char *name, const void *value, size_t bytes)
{
	const struct teller *t = ctx;
	char whole[96];

	snprintf(whole, sizeof(whole), "hyperv.%s", name);
	t->each(t->ctx, t->vcpu, whole,
		hv_state_is_time(name) ? VM_VALUE_CLOCK : VM_VALUE_FIXED, value,
		bytes);
}

int hyperv_tell(const struct teller *t, const struct state_part *part,
		struct error *err)
{
	struct hv_saved *saved;
	int rc;

	if (!part->data)
		return 0;
	saved = calloc(1, sizeof(*saved));
	if (!saved)
		return -ENOMEM;
	rc = fields_load(&hv_fields, part->data, part->bytes, "hyperv", saved,
			 err);
	if (!rc)
		fields_tell(&hv_fields, saved, tell, (void *)t);
	free(saved);
	return rc;
}
