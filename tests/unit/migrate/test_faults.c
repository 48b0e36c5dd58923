/* SPDX-License-Identifier: MIT */
/*
 * Whatever breaks, and wherever: the source's machine runs again exactly if
 * go was not attempted, the target's never without it, and never both.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "session.h"

#define RECORD_GO 40u /* bytes; the same for READY and RUNNING */

static void start(struct session *s, uint64_t seed)
{
	session_init(s, (unsigned int[]){ 40, 70, 9 }, 3, seed);
	s->from.writes_per_touch = 3;
	s->from.writes_left = 40;
	s->params.downtime_limit_ns = 0;
}

/* The source's words end after @at bytes of @total. */
static void cut_out(uint64_t at, uint64_t total, bool eager)
{
	uint64_t go = total - RECORD_GO;
	struct session s;
	bool tried = eager ? at > go : at >= go;

	start(&s, 1);
	s.cut.cut_out = at;
	s.cut.eager = eager;
	session_run(&s);
	assert_int_equal(s.from.running, !tried);
	assert_int_equal(s.to.running, at >= total);
	if (tried && at < total)
		assert_int_equal(s.source_rc, -EREMOTEIO);
	if (at >= total && !eager)
		assert_int_equal(s.source_rc, 0);
	session_exit(&s);
}

/* The source hears nothing any more after @at bytes of @total. */
static void cut_in(uint64_t at, uint64_t total)
{
	struct session s;
	bool tried = at >= total - RECORD_GO;

	start(&s, 1);
	s.cut.cut_in = at;
	session_run(&s);
	assert_int_equal(s.from.running, !tried);
	assert_int_equal(s.to.running, tried);
	if (tried && at < total)
		assert_int_equal(s.source_rc, -EREMOTEIO);
	session_exit(&s);
}

static void test_cut_at_each_boundary(void **state)
{
	struct session clean;
	unsigned int i;
	int delta;

	start(&clean, 1);
	session_run(&clean);
	assert_int_equal(clean.source_rc, 0);
	for (i = 0; i < clean.cut.nr_marks; i++) {
		for (delta = -1; delta <= 1; delta++) {
			uint64_t at = clean.cut.mark[i] + (uint64_t)delta;

			if (at > clean.cut.out)
				continue;
			cut_out(at, clean.cut.out, false);
			cut_out(at, clean.cut.out, true);
		}
	}
	cut_out(clean.cut.out, clean.cut.out, false);
	cut_out(clean.cut.out, clean.cut.out, true);
	cut_out(clean.cut.out - 1, clean.cut.out, true);
	session_exit(&clean);
}

static void test_cut_anywhere(void **state)
{
	struct session clean;
	uint64_t random = 7, i;

	start(&clean, 1);
	session_run(&clean);
	for (i = 0; i < 200; i++)
		cut_out(fake_random(&random) % clean.cut.out, clean.cut.out,
			i % 2);
	for (i = 0; i <= clean.cut.in; i += i % 40 == 1 ? 38 : 1)
		cut_in(i, clean.cut.in);
	session_exit(&clean);
}

static void test_machine_fails(void **state)
{
	static const struct {
		enum fake_fault fault;
		bool on_target;
		int source_rc, target_rc;
		const char *says;
	} rows[] = {
		{ FAKE_LOG_START, false, -EIO, -ENODATA, "log its writes" },
		{ FAKE_FETCH, false, -EIO, -ENODATA, "dirty pages" },
		{ FAKE_CLEAR, false, -EIO, -ENODATA, "could not be cleared" },
		{ FAKE_PAUSE, false, -EIO, -ENODATA, "pause" },
		{ FAKE_SAVE, false, -EIO, -ENODATA, "save its state" },
		{ FAKE_LOAD, true, -EPROTO, -EIO, "gave up: the target's" },
		{ FAKE_REACHED, true, -EPROTO, -EIO,
		  "gave up: its memory could not be had" },
		{ FAKE_ANNOUNCE, false, -EIO, -ENODATA,
		  "announce its devices" },
		{ FAKE_PREPARE, true, -EPROTO, -EIO,
		  "prepare for the devices" },
		{ FAKE_RESUME, true, -EREMOTEIO, -EIO, "failed to run" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session s;

		start(&s, 2);
		(rows[i].on_target ? &s.to : &s.from)->fault = rows[i].fault;
		session_run(&s);
		assert_int_equal(s.source_rc, rows[i].source_rc);
		assert_int_equal(s.target_rc, rows[i].target_rc);
		assert_non_null(strstr(s.source_stats.error, rows[i].says));
		assert_int_equal(s.source_stats.phase, MIGRATE_FAILED);
		assert_int_equal(s.target_stats.phase, MIGRATE_FAILED);
		session_exit(&s);
	}
}

/* When the machine is paused already. */
static void cancel_at_state(void *ctx, enum migrate_phase phase)
{
	struct session *s = ctx;

	if (phase == MIGRATE_STATE)
		assert_int_equal(migrate_source_cancel(s->source), 0);
}

static void vanish_at_state(void *ctx, enum migrate_phase phase)
{
	struct session *s = ctx;

	if (phase == MIGRATE_STATE)
		channel_shutdown(s->b);
}

/* The way back fails, too: that is said, and it is no mere cancellation. */
static void test_source_cannot_resume(void **state)
{
	static const struct {
		enum fake_fault fault;
		void (*phase)(void *ctx, enum migrate_phase phase);
		int rc;
		const char *says;
	} rows[] = {
		{ FAKE_SAVE, NULL, -EIO, "save its state" },
		{ FAKE_NONE, vanish_at_state, -EPIPE, "target" },
		{ FAKE_NONE, cancel_at_state, -EIO, "was cancelled" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct migrate_observer o = { .phase = rows[i].phase };
		struct session s;

		start(&s, 4);
		o.ctx = &s;
		s.source_observer = &o;
		s.from.fault = rows[i].fault;
		s.from.stays_down = true;
		session_run(&s);
		assert_int_equal(s.source_rc, rows[i].rc);
		assert_int_equal(s.source_stats.phase, MIGRATE_FAILED);
		assert_non_null(strstr(s.source_stats.error, rows[i].says));
		assert_non_null(
			strstr(s.source_stats.error, "failed to run again"));
		session_exit(&s);
	}
}

static void test_refused(void **state)
{
	struct session s;

	start(&s, 3);
	s.to.region[1].bytes -= FAKE_PAGE;
	session_create(&s);
	s.to.region[1].bytes += FAKE_PAGE;
	session_run(&s);
	assert_int_equal(s.source_rc, -EPROTO);
	assert_int_equal(s.target_rc, -EPROTO);
	assert_non_null(
		strstr(s.source_stats.error, "refused: memory region 1"));
	session_exit(&s);
}

/* A state that the stream does not carry is our failure, before any go. */
static void test_bad_regions(void **state)
{
	struct session s;

	start(&s, 3);
	s.from.region[1].gpa = 0;
	assert_int_equal(migrate_source_create(&fake_vm_ops, &s.from,
					       &s.cut.base, &s.params, NULL,
					       &s.source),
			 -EINVAL);
	session_exit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_at_each_boundary),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_machine_fails),
		cmocka_unit_test(test_source_cannot_resume),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
