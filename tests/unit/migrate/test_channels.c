/* SPDX-License-Identifier: MIT */
/* Several connections for one migration: whole and cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "network.h"
#include "session.h"

static void *target_main(void *ctx)
{
	struct session *s = ctx;

	s->target_rc = migrate_target_run(s->target, true);
	return NULL;
}

static void run(struct session *s, struct network *n, unsigned int nr,
		uint64_t timeout_ns)
{
	const struct migrate_channels from = { nr, timeout_ns, network_dial,
					       n };
	const struct migrate_channels to = { MIGRATE_MAX_CHANNELS, timeout_ns,
					     network_take, n };
	pthread_t thread;

	session_create(s);
	migrate_source_set_channels(s->source, &from);
	migrate_target_set_channels(s->target, &to);
	pthread_create(&thread, NULL, target_main, s);
	s->source_rc = migrate_source_run(s->source);
	pthread_join(thread, NULL);
	migrate_source_stats(s->source, &s->source_stats);
	migrate_target_stats(s->target, &s->target_stats);
}

/* The rules that hold whatever happened. */
static void check(const struct session *s)
{
	bool committed = !s->source_rc || s->source_rc == -EREMOTEIO;

	assert_false(s->from.running && s->to.running);
	assert_true(s->from.running == !committed);
	assert_false(s->from.logging);
	assert_true(!s->source_rc == !s->source_stats.error[0]);
	assert_true(!s->target_rc == !s->target_stats.error[0]);
	if (s->target_rc)
		return;
	assert_true(fake_vm_equal(&s->from, &s->to));
	assert_int_equal(s->source_stats.wire_bytes,
			 s->target_stats.wire_bytes);
	assert_int_equal(s->source_stats.pages, s->target_stats.pages);
}

static const unsigned int shape[] = { 3000, 70, 1500 };

static void begin(struct session *s, struct network *n, uint64_t seed)
{
	session_init(s, shape, 3, seed);
	s->from.seed = seed;
	s->from.writes_per_touch = 40;
	s->from.writes_left = 4000;
	s->params.downtime_limit_ns = 0;
	network_init(n);
}

static void end(struct session *s, struct network *n)
{
	check(s);
	session_exit(s);
	network_exit(n);
}

static void test_whole(void **state)
{
	unsigned int nr;
	uint64_t seed;

	for (nr = 2; nr <= MIGRATE_MAX_CHANNELS; nr *= 2)
		for (seed = 1; seed < 6; seed++) {
			struct session s;
			struct network n;

			begin(&s, &n, seed);
			run(&s, &n, nr, NSEC_PER_SEC);
			assert_int_equal(s.source_rc, 0);
			assert_int_equal(s.target_rc, 0);
			assert_int_equal(s.source_stats.nr_channels, nr);
			assert_int_equal(s.target_stats.nr_channels, nr);
			assert_true(s.source_stats.nr_rounds > 1);
			/* All of them carry pages, but for chance. */
			assert_true(s.cut.out < s.source_stats.wire_bytes);
			end(&s, &n);
		}
}

static void test_never_connects(void **state)
{
	struct session s;
	struct network n;

	begin(&s, &n, 1);
	n.lost = 2;
	run(&s, &n, 3, 50 * NSEC_PER_MSEC);
	assert_int_equal(s.target_rc, -ETIMEDOUT);
	assert_non_null(strstr(s.target_stats.error,
			       "2 of 3 channels came within 50 ms"));
	assert_int_equal(s.source_rc, -EPROTO);
	assert_non_null(strstr(s.source_stats.error, "2 of 3 channels came"));
	end(&s, &n);
}

static void test_cut(void **state)
{
	uint64_t cut = 0;

	for (cut = 0; cut < 2000000; cut = cut * 3 + 37) {
		struct session s;
		struct network n;

		begin(&s, &n, cut);
		n.cut = 2;
		n.cut_out = cut;
		run(&s, &n, 4, NSEC_PER_SEC);
		assert_true(s.source_rc ? s.target_rc != 0 : 1);
		end(&s, &n);
	}
}

/* The first connection breaks. */
static void test_cut_first(void **state)
{
	uint64_t cut;

	for (cut = 0; cut < 3000000; cut = cut * 2 + 41) {
		struct session s;
		struct network n;

		begin(&s, &n, cut);
		s.cut.cut_out = cut;
		run(&s, &n, 3, NSEC_PER_SEC);
		end(&s, &n);
	}
}

static void *cancel_later(void *ctx)
{
	struct session *s = ctx;
	struct migrate_stats stats;

	do
		migrate_source_stats(s->source, &stats);
	while (stats.pages < 500 && stats.phase < MIGRATE_DONE);
	migrate_source_cancel(s->source);
	return NULL;
}

static void test_cancel(void **state)
{
	const struct migrate_channels from = { 4, NSEC_PER_SEC, network_dial,
					       NULL };
	struct migrate_channels source = from, to = from;
	pthread_t threads[2];
	struct session s;
	struct network n;

	begin(&s, &n, 3);
	session_create(&s);
	source.ctx = to.ctx = &n;
	to.open = network_take;
	migrate_source_set_channels(s.source, &source);
	migrate_target_set_channels(s.target, &to);
	/* Slow, so that the cancel comes first. */
	s.params.max_bandwidth_bytes_per_s = 4 << 20;
	migrate_source_set_params(s.source, &s.params);
	pthread_create(&threads[0], NULL, target_main, &s);
	pthread_create(&threads[1], NULL, cancel_later, &s);
	s.source_rc = migrate_source_run(s.source);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	migrate_source_stats(s.source, &s.source_stats);
	migrate_target_stats(s.target, &s.target_stats);
	assert_int_equal(s.source_rc, -ECANCELED);
	end(&s, &n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_never_connects),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_first),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
