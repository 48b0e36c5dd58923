/* SPDX-License-Identifier: MIT */
/*
 * Ends that come from outside: cancelled by either side, or the other side
 * killed, in each phase and at any time.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/clock.h"
#include "migrate/progress.h"
#include "session.h"

static void start(struct session *s, uint64_t seed)
{
	session_init(s, (unsigned int[]){ 40, 70, 9 }, 3, seed);
	s->from.writes_per_touch = 3;
	s->from.writes_left = 40;
	s->params.downtime_limit_ns = 0;
}

struct canceller {
	struct session *s;
	enum migrate_phase at;
	bool target;
	bool vanish; /* the connection, instead */
	int rc;
	bool called;
};

static void cancel_at_phase(void *ctx, enum migrate_phase phase)
{
	struct canceller *c = ctx;

	if (phase != c->at || c->called)
		return;
	c->called = true;
	if (c->vanish)
		channel_shutdown(c->s->b);
	else
		c->rc = c->target ? migrate_target_cancel(c->s->target)
				  : migrate_source_cancel(c->s->source);
}

static void check_cancel(const struct canceller *c)
{
	const struct session *s = c->s;

	if (c->at >= MIGRATE_COMMITTED) {
		assert_int_equal(c->rc, -EALREADY);
		assert_int_equal(s->source_rc, 0);
		return;
	}
	assert_int_equal(c->rc, 0);
	assert_true(s->from.running);
	assert_int_equal(c->target ? s->target_rc : s->source_rc, -ECANCELED);
	assert_true(c->target ? s->source_rc < 0 : s->target_rc < 0);
}

static void test_cancel_at_each_phase(void **state)
{
	enum migrate_phase at;
	int target;

	for (at = MIGRATE_SETUP; at <= MIGRATE_COMMITTED; at++) {
		for (target = 0; target < 2; target++) {
			struct session s;
			struct canceller c = { .s = &s, .at = at };
			struct migrate_observer o = {
				.ctx = &c,
				.phase = cancel_at_phase,
			};

			/* a target does not pause anything */
			if (target && at == MIGRATE_STOP)
				continue;
			c.target = target;
			start(&s, 4);
			if (target)
				s.target_observer = &o;
			else
				s.source_observer = &o;
			session_run(&s);
			assert_true(c.called);
			check_cancel(&c);
			session_exit(&s);
		}
	}
}

/* The target dies in each phase of the source, between any two messages. */
static void test_target_vanishes_at_each_phase(void **state)
{
	enum migrate_phase at;

	for (at = MIGRATE_SETUP; at <= MIGRATE_READY; at++) {
		struct session s;
		struct canceller c = { .s = &s, .at = at, .vanish = true };
		struct migrate_observer o = { .ctx = &c,
					      .phase = cancel_at_phase };

		start(&s, 5);
		s.source_observer = &o;
		session_run(&s);
		assert_true(s.source_rc < 0);
		assert_true(s.from.running);
		session_exit(&s);
	}
}

static void *cancel_soon(void *ctx)
{
	struct canceller *c = ctx;
	int i;

	for (i = 0; i < (int)c->at; i++)
		sched_yield();
	if (c->target)
		migrate_target_cancel(c->s->target);
	else
		migrate_source_cancel(c->s->source);
	return NULL;
}

/* From another thread, at any time: session_check() has the rules. */
static void test_cancel_from_a_thread(void **state)
{
	uint64_t random = 3;
	int i;

	for (i = 0; i < 150; i++) {
		struct session s;
		struct canceller c = { .s = &s, .target = i % 2 };
		pthread_t thread;

		c.at = fake_random(&random) % 300;
		start(&s, 6);
		s.params.downtime_limit_ns = i % 3 ? 0 : NSEC_PER_SEC;
		session_create(&s);
		pthread_create(&thread, NULL, cancel_soon, &c);
		session_run(&s);
		pthread_join(thread, NULL);
		session_exit(&s);
	}
}

static void *commit_once(void *ctx)
{
	return (void *)(intptr_t)progress_commit(ctx);
}

/* Exactly one of the two wins, whoever comes first. */
static void test_commit_or_cancel(void **state)
{
	int i, cancelled, commits = 0;

	for (i = 0; i < 200; i++) {
		struct channel *a, *b;
		struct progress p;
		pthread_t thread;
		void *committed;

		assert_int_equal(channel_pair(100, &a, &b), 0);
		progress_init(&p, a, true, NULL);
		if (i == 0)
			assert_int_equal(progress_cancel(&p), 0);
		pthread_create(&thread, NULL, commit_once, &p);
		cancelled = progress_cancel(&p);
		pthread_join(thread, &committed);
		assert_int_equal(cancelled ? cancelled : -EALREADY, -EALREADY);
		assert_int_equal((intptr_t)committed,
				 cancelled ? 0 : -ECANCELED);
		commits += !!cancelled;
		progress_exit(&p);
		channel_close(a);
		channel_close(b);
	}
	assert_true(commits < 200);
}

static void test_cancel_before_run(void **state)
{
	struct session s;

	start(&s, 7);
	session_create(&s);
	assert_int_equal(migrate_source_cancel(s.source), 0);
	assert_int_equal(migrate_source_cancel(s.source), 0);
	session_run(&s);
	assert_int_equal(s.source_rc, -ECANCELED);
	assert_int_equal(s.source_stats.phase, MIGRATE_CANCELLED);
	assert_int_equal(s.from.nr_pauses, 0);
	session_exit(&s);
}

/* Nobody answers; and a limit that would take for ever. */
static void wake(bool limited)
{
	struct session s;
	struct canceller c = { .s = &s, .at = 5 };
	pthread_t thread;

	start(&s, 8);
	session_create(&s);
	pthread_create(&thread, NULL, cancel_soon, &c);
	if (limited) {
		s.params.max_bandwidth_bytes_per_s = 1;
		migrate_source_set_params(s.source, &s.params);
		session_run(&s);
	} else {
		s.source_rc = migrate_source_run(s.source);
	}
	pthread_join(thread, NULL);
	assert_int_equal(s.source_rc, -ECANCELED);
	assert_true(s.from.running);
	session_exit(&s);
}

static void test_cancel_wakes(void **state)
{
	int i;

	for (i = 0; i < 20; i++) {
		wake(false);
		wake(true);
	}
}

/* A dead target is noticed while the limiter sleeps. */
static void *vanish_soon(void *ctx)
{
	struct canceller *c = ctx;

	channel_shutdown(c->s->b);
	return NULL;
}

static void test_vanishes_while_limited(void **state)
{
	struct session s;
	struct canceller c = { .s = &s };
	uint64_t begin_ns = clock_now_ns();
	pthread_t thread;

	start(&s, 9);
	s.params.max_bandwidth_bytes_per_s = 1;
	session_create(&s);
	pthread_create(&thread, NULL, vanish_soon, &c);
	session_run(&s);
	pthread_join(thread, NULL);
	assert_true(s.source_rc < 0 && s.source_rc != -ECANCELED);
	assert_true(clock_now_ns() - begin_ns < 20 * NSEC_PER_SEC);
	session_exit(&s);
}

/* The process at the other side of a socket is killed after the hello. */
#define HELLO_BYTES (32 + 32 + 3 * 16)

static void *close_after_hello(void *ctx)
{
	struct channel *ch = ctx;
	uint8_t hello[HELLO_BYTES];

	channel_read_all(ch, hello, sizeof(hello));
	channel_close(ch);
	return NULL;
}

static void test_socket_closed(void **state)
{
	struct channel *a, *b;
	struct session s;
	pthread_t thread;
	int fd[2];

	start(&s, 10);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd),
			 0);
	channel_from_fd(fd[0], &a);
	channel_from_fd(fd[1], &b);
	session_use(&s, a, NULL);
	pthread_create(&thread, NULL, close_after_hello, b);
	session_create(&s);
	s.source_rc = migrate_source_run(s.source);
	pthread_join(thread, NULL);
	assert_true(s.source_rc == -EPIPE || s.source_rc == -ENODATA ||
		    s.source_rc == -ECONNRESET);
	assert_true(s.from.running);
	session_exit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancel_at_each_phase),
		cmocka_unit_test(test_target_vanishes_at_each_phase),
		cmocka_unit_test(test_cancel_from_a_thread),
		cmocka_unit_test(test_commit_or_cancel),
		cmocka_unit_test(test_cancel_before_run),
		cmocka_unit_test(test_cancel_wakes),
		cmocka_unit_test(test_vanishes_while_limited),
		cmocka_unit_test(test_socket_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
