/* SPDX-License-Identifier: MIT */
/* The guest's heartbeats, caught as they happen, on both sides of a hop. */
#include <errno.h>
#include <stddef.h>

#include "base/clock.h"
#include "drive/console.h"
#include "drive/run_internal.h"

#define LOOK_NS (200 * NSEC_PER_USEC)
#define PATIENCE_NS (2 * NSEC_PER_SEC)
#define REPLY_TIMEOUT_MS 3000
#define LOG_HEAD_BYTES offsetof(struct abi_beat_log, beat)

static bool wanted(const struct run *r)
{
	return r->set->heartbeat_ns && !r->attached && !r->source.blind &&
	       !r->target.blind;
}

static uint64_t log_gpa(const struct run *r, const struct drive_vm *vm)
{
	return vm->control_gpa + r->expected.beat_offset;
}

static int read_head(struct run *r, const struct drive_vm *vm)
{
	return ram_read(&vm->ram, log_gpa(r, vm), &r->beats, LOG_HEAD_BYTES);
}

/* The next beat: it was between the look that did not see it and the one that
 * did. Untouched if none comes. */
static void catch_beat(struct run *r, const struct drive_vm *vm,
		       struct timekeeping_mark *ret)
{
	uint64_t before = clock_now_ns(), nr;
	uint64_t deadline = before + 3 * r->set->heartbeat_ns + PATIENCE_NS;
	struct timekeeping_mark m;

	if (read_head(r, vm))
		return;
	nr = r->beats.nr;
	do {
		before = clock_now_ns();
		clock_sleep_until_ns(before + LOOK_NS);
		if (read_head(r, vm))
			return;
		m.host_ns = clock_now_ns();
	} while (r->beats.nr == nr && m.host_ns < deadline);
	if (r->beats.nr == nr ||
	    ram_read(&vm->ram,
		     log_gpa(r, vm) + LOG_HEAD_BYTES +
			     (r->beats.nr - 1) % ABI_BEATS *
				     sizeof(struct abi_beat),
		     &m.beat, sizeof(m.beat)))
		return;
	m.nr = r->beats.nr;
	m.lost = r->beats.lost;
	m.error_ns = m.host_ns - before;
	*ret = m;
}

int run_time_begin(struct run *r, struct error *err)
{
	int rc;

	if (!wanted(r))
		return 0;
	rc = console_command(
		r->source.console, REPLY_TIMEOUT_MS, NULL, err,
		"set heartbeat=%llums",
		(unsigned long long)(r->set->heartbeat_ns / NSEC_PER_MSEC));
	if (!rc)
		catch_beat(r, &r->source, &r->mark_beat[0]);
	return rc;
}

void run_time_before(struct run *r)
{
	if (wanted(r))
		catch_beat(r, &r->source, &r->mark_beat[1]);
}

int run_time_after(struct run *r, struct error *err)
{
	struct timekeeping *t = &r->out->time;
	struct console_line reply;
	int rc = 0;

	if (!wanted(r))
		return 0;
	if (r->set->tsc_shift_ns && r->last) {
		rc = console_command(r->target.console, REPLY_TIMEOUT_MS,
				     &reply, err, "set tsc_shift=%llums",
				     (unsigned long long)(r->set->tsc_shift_ns /
							  NSEC_PER_MSEC));
		if (rc)
			return rc;
		t->shift_ms = (double)r->set->tsc_shift_ns / 1e6;
	}
	catch_beat(r, &r->target, &r->mark_beat[2]);
	t->shift_told = r->beats.shift_ticks != 0;
	return 0;
}

void run_time_figures(struct run *r)
{
	struct timekeeping *t = &r->out->time;
	double stop_ms = r->out->downtime_ms;

	if (!wanted(r))
		return;
	t->period_ms = (double)r->set->heartbeat_ns / 1e6;
	t->stop_ms = stop_ms > 0 ? stop_ms : 0;
	timekeeping_judge(&r->beats, r->mark_beat, r->tsc_hz, t);
}
