/* SPDX-License-Identifier: MIT */
/* What a run does otherwise where a machine is not ours, or cannot be seen. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "drive/attach_internal.h"
#include "drive/console.h"
#include "qmp/client.h"

#define SLEEP_SLICE_NS (50 * NSEC_PER_MSEC)

void run_mark(struct run *r, struct drive_vm *vm, const struct counters *count,
	      struct run_mark *m)
{
	struct attach_stats stats;

	*m = (struct run_mark){ .ns = 0 };
	if (vm->blind) {
		if (!vm->console || attach_stats(vm, &stats, NULL))
			return;
		m->steps = stats.steps;
	} else {
		m->steps = counters_steps(count);
	}
	m->ns = clock_now_ns();
}

bool run_interrupted(const struct run *r)
{
	return r->set->attach.pending && r->set->attach.pending();
}

int run_sleep(struct run *r, struct drive_vm *vm, uint64_t deadline_ns,
	      struct error *err)
{
	uint64_t now, next;
	int rc;

	if (!r->set->attach.pending)
		return drive_vm_sleep(vm, deadline_ns, err);
	do {
		now = clock_now_ns();
		next = now + SLEEP_SLICE_NS;
		rc = drive_vm_sleep(vm, next < deadline_ns ? next : deadline_ns,
				    err);
		if (!rc && run_interrupted(r))
			rc = error_set(err, -ECANCELED, "interrupted");
	} while (!rc && next < deadline_ns);
	return rc;
}

bool run_may_stop(const struct run *r, const struct drive_vm *vm)
{
	return !r->attached || (r->owned && vm->console);
}

int run_freeze(struct run *r, struct drive_vm *vm, struct error *err)
{
	if (vm->blind || !(r->set->verify & RUN_VERIFY_AFTER))
		return 0;
	return drive_vm_execute(vm, "stop", NULL, NULL, err);
}

int run_thaw(struct run *r, struct drive_vm *vm, struct error *err)
{
	if (vm->blind || !(r->set->verify & RUN_VERIFY_AFTER))
		return 0;
	return drive_vm_execute(vm, "cont", NULL, NULL, err);
}

int run_check_blind(struct run *r, struct drive_vm *vm,
		    struct run_integrity *in, struct error *err)
{
	struct attach_stats stats;
	int rc;

	if (!vm->console)
		return 0;
	rc = attach_stats(vm, &stats, err);
	if (rc)
		return rc;
	if (stats.check)
		in->looks |= RUN_VERIFY_INLINE;
	if (in->guest_pages)
		in->looks |= RUN_VERIFY_AFTER;
	if (stats.bad < r->bad_before)
		snprintf(in->contradiction, sizeof(in->contradiction),
			 "the guest has found %llu bad pages, and had found "
			 "%llu before",
			 (unsigned long long)stats.bad,
			 (unsigned long long)r->bad_before);
	else
		in->unlisted = stats.bad - r->bad_before;
	return 0;
}

static uint64_t steps_now(struct drive_vm *vm, const struct counters *count)
{
	struct attach_stats stats = { .steps = 0 };

	if (!vm->blind)
		return counters_steps(count);
	if (vm->console)
		attach_stats(vm, &stats, NULL);
	return stats.steps;
}

bool run_goes_on(struct run *r, struct drive_vm *vm,
		 const struct counters *count, uint64_t steps)
{
	uint64_t deadline = clock_now_ns() + NSEC_PER_SEC;
	bool moved = false;

	/* Its state alone must do. */
	if (vm->blind && !vm->console)
		return true;
	if (vm->blind)
		steps = steps_now(vm, count);
	while (!moved && clock_now_ns() < deadline) {
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
		moved = steps_now(vm, count) > steps;
	}
	return moved;
}

void run_see_late(struct run *r)
{
	struct drive_vm *vm = &r->target;

	if (!r->attached || !vm->blind)
		return;
	attach_see(vm, NULL);
	if (!vm->blind &&
	    drive_vm_counters(vm, NULL, &r->target_count, NULL, NULL))
		vm->blind = true;
	if (vm->blind)
		return;
	/* Its mark has a counter's value, and so will the next one. */
	r->out->target_blind[0] = '\0';
	run_note(r, "the target's memory could be seen once its guest had "
		    "come: integrity is the host's look");
}

void run_look_at_clocks(struct run *r)
{
	if (!r->source.blind && !r->target.blind)
		return;
	attach_clock(&r->source, &r->source_clock);
	attach_clock(&r->target, &r->target_clock);
}

void run_note(struct run *r, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (r->out)
		json_array_append_new(r->out->notes, json_string(text));
}
