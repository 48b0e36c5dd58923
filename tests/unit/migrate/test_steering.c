/* SPDX-License-Identifier: MIT */
/* What steers a migration (limits, policy) and what watches it (observers). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "session.h"

static const unsigned int one_region[] = { 700 };

struct watch {
	struct session *s;
	unsigned int rounds;
	uint64_t shown, zeros;
	bool bad;
	unsigned int dropped; /* bits */
};

static void on_round(void *ctx, unsigned int round)
{
	struct watch *w = ctx;
	struct migrate_params patient = { .downtime_limit_ns = NSEC_PER_SEC };

	w->rounds = round;
	if (round == 20)
		migrate_source_set_params(w->s->source, &patient);
}

/* Goes on as long as the guest writes too much, and obeys a new limit. */
static void test_converges_by_new_limit(void **state)
{
	struct watch w = { 0 };
	struct migrate_observer o = { .ctx = &w, .round = on_round };
	struct session s;

	session_init(&s, one_region, 1, 11);
	s.from.writes_per_touch = 100;
	s.from.writes_left = UINT32_MAX;
	s.params.downtime_limit_ns = 1;
	s.source_observer = &o;
	w.s = &s;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(w.rounds, 21);
	session_exit(&s);
}

static void cancel_at_60(void *ctx, unsigned int round)
{
	struct watch *w = ctx;

	w->rounds = round;
	if (round == 60)
		assert_int_equal(migrate_source_cancel(w->s->source), 0);
}

static void test_never_converges_then_cancel(void **state)
{
	struct watch w = { 0 };
	struct migrate_observer o = { .ctx = &w, .round = cancel_at_60 };
	struct session s;

	session_init(&s, one_region, 1, 12);
	s.from.writes_per_touch = 100;
	s.from.writes_left = UINT32_MAX;
	s.params.downtime_limit_ns = 1;
	s.source_observer = &o;
	w.s = &s;
	session_run(&s);
	assert_int_equal(s.source_rc, -ECANCELED);
	assert_int_equal(s.source_stats.phase, MIGRATE_CANCELLED);
	assert_int_equal(w.rounds, 60);
	assert_int_equal(s.from.nr_pauses, 0);
	session_exit(&s);
}

static void on_page(void *ctx, uint64_t gfn, const void *page)
{
	static const uint8_t zeros[FAKE_PAGE];
	struct watch *w = ctx;

	w->shown++;
	w->zeros += !page;
	/* The guest is quiet here: what is shown is what it has. */
	if (memcmp(page ? page : zeros,
		   w->s->from.region[0].hva + gfn * FAKE_PAGE, FAKE_PAGE))
		w->bad = true;
}

static void test_page_sent(void **state)
{
	struct watch w = { 0 };
	struct migrate_observer o = { .ctx = &w, .page_sent = on_page };
	struct session s;

	session_init(&s, (unsigned int[]){ 3000 }, 1, 13);
	s.source_observer = &o;
	w.s = &s;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_true(fake_vm_equal(&s.from, &s.to));
	assert_false(w.bad);
	assert_int_equal(w.shown, 3000);
	assert_int_equal(w.shown, s.source_stats.pages);
	assert_int_equal(w.zeros, s.source_stats.zero_pages);
	session_exit(&s);
}

/* Clears up to five bits: those pages must arrive stale, and no other. */
static void on_final_dirty(void *ctx, unsigned int index, uint64_t *bitmap)
{
	struct watch *w = ctx;
	uint64_t nr = w->s->from.region[index].bytes / FAKE_PAGE;
	uint64_t page;

	while (w->dropped < 5 && (page = bitmap_next(bitmap, nr, 0)) < nr) {
		bitmap_clear(bitmap, page);
		/* Unlike anything sent before. */
		w->s->from.region[index].hva[page * FAKE_PAGE + 9] ^= 0x55;
		w->dropped++;
	}
}

static void test_final_dirty(void **state)
{
	struct watch w = { 0 };
	struct migrate_observer o = { .ctx = &w,
				      .final_dirty = on_final_dirty };
	struct session s;

	session_init(&s, (unsigned int[]){ 90, 700 }, 2, 14);
	s.from.writes_per_touch = 30;
	s.from.writes_left = UINT32_MAX;
	s.params.downtime_limit_ns = NSEC_PER_SEC;
	s.source_observer = &o;
	w.s = &s;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(w.dropped, 5);
	assert_int_equal(fake_vm_differences(&s.from, &s.to), 5);
	session_exit(&s);
}

/* 8 MiB at 40 MB/s take 0.2 s; the last round does not wait. */
static void test_max_bandwidth(void **state)
{
	struct migrate_stats *st;
	struct session s;
	double ratio;

	session_init(&s, (unsigned int[]){ 2048 }, 1, 15);
	memset(s.from.region[0].hva, 1, s.from.region[0].bytes);
	s.params.max_bandwidth_bytes_per_s = 40000000;
	session_run(&s);
	st = &s.source_stats;
	ratio = (double)st->bandwidth_bytes_per_s / 40e6;
	assert_int_equal(s.source_rc, 0);
	/* Slower only where the machine is busy; test_policy has the rest. */
	assert_true(ratio < 1.03 && ratio > 0.1);
	assert_true(st->downtime_ns < 100 * NSEC_PER_MSEC);
	session_exit(&s);
}

/* Half a second under the limit; what is left goes at full speed. */
static void test_no_limit_after_the_stop(void **state)
{
	struct migrate_round *last;
	struct session s;

	session_init(&s, (unsigned int[]){ 256 }, 1, 16);
	s.from.writes_per_touch = 200;
	s.from.writes_left = UINT32_MAX;
	s.params.max_bandwidth_bytes_per_s = 2000000;
	s.params.downtime_limit_ns = 2 * NSEC_PER_SEC;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(s.source_stats.nr_rounds, 2);
	last = &s.source_stats.rounds[1];
	assert_true(last->wire_bytes > 400000);
	/* Under the limit it would be 200 ms and more. */
	assert_true(last->duration_ns < 100 * NSEC_PER_MSEC);
	session_exit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_converges_by_new_limit),
		cmocka_unit_test(test_never_converges_then_cancel),
		cmocka_unit_test(test_page_sent),
		cmocka_unit_test(test_final_dirty),
		cmocka_unit_test(test_max_bandwidth),
		cmocka_unit_test(test_no_limit_after_the_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
