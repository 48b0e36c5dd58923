/* SPDX-License-Identifier: MIT */
/* Whole migrations from one array to another: what arrives, and the figures. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "session.h"

static const unsigned int one_region[] = { 700 };

/* Everything arrives, whatever the guest writes at whatever moment. */
static void test_random_scripts(void **state)
{
	uint64_t seed, random;
	unsigned int pages[MIGRATE_MAX_REGIONS], nr, i;

	for (seed = 1; seed <= 30; seed++) {
		struct session s;

		random = seed;
		nr = 1 + fake_random(&random) % MIGRATE_MAX_REGIONS;
		for (i = 0; i < nr; i++)
			pages[i] = 1 + fake_random(&random) % 150;
		session_init(&s, pages, nr, seed);
		s.from.writes_per_touch = fake_random(&random) % 200;
		s.from.writes_left = 5000;
		s.params.downtime_limit_ns = seed % 3 ? 0 : 100 * NSEC_PER_MSEC;
		session_run(&s);
		assert_int_equal(s.source_rc, 0);
		assert_int_equal(s.target_rc, 0);
		assert_true(fake_vm_equal(&s.from, &s.to));
		session_exit(&s);
	}
}

static void *guest_main(void *ctx)
{
	struct fake_vm *vm = ctx;
	uint64_t random = 99;
	int i;

	for (i = 0; i < 20000 && vm->running; i++)
		fake_vm_write(vm, fake_random(&random));
	return NULL;
}

/* Somebody looks at the figures all the while: each look must make sense. */
static void *looker_main(void *ctx)
{
	struct session *s = ctx;
	struct migrate_stats now;
	uint64_t wire_bytes = 0, pages = 0;

	do {
		migrate_target_stats(s->target, &now);
		assert_true(now.zero_pages <= now.pages);
		migrate_source_stats(s->source, &now);
		assert_true(now.zero_pages <= now.pages);
		assert_true(now.wire_bytes >= wire_bytes && now.pages >= pages);
		assert_true(now.remaining_bytes <= now.ram_bytes);
		wire_bytes = now.wire_bytes;
		pages = now.pages;
	} while (now.phase < MIGRATE_DONE);
	return NULL;
}

/* The first pass tells the target's machine how far it has come, page by page
 * onwards; the later ones don't. */
static void test_reached(void **state)
{
	struct session s;

	session_init(&s, (unsigned int[]){ 1200, 300 }, 2, 5);
	s.from.writes_per_touch = 3;
	session_run(&s);
	assert_int_equal(s.target_rc, 0);
	assert_true(s.target_stats.nr_rounds > 1);
	assert_false(s.to.went_back);
	assert_true(s.to.nr_reached > 1);
	assert_int_equal(s.to.reached[0], 1200);
	assert_int_equal(s.to.reached[1], 300);
	assert_int_equal(s.from.nr_reached, 0);
	session_exit(&s);
}

/* A guest that truly runs beside the engine. */
static void test_writer_thread(void **state)
{
	pthread_t guest, looker;
	struct session s;

	session_init(&s, (unsigned int[]){ 600, 300 }, 2, 5);
	session_create(&s);
	pthread_create(&guest, NULL, guest_main, &s.from);
	pthread_create(&looker, NULL, looker_main, &s);
	session_run(&s);
	pthread_join(guest, NULL);
	pthread_join(looker, NULL);
	assert_int_equal(s.target_rc, 0);
	assert_true(fake_vm_equal(&s.from, &s.to));
	session_exit(&s);
}

static void unix_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd),
			 0);
}

static void tcp_pair(int fd[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t bytes = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, bytes), 0);
	assert_int_equal(listen(sock, 1), 0);
	getsockname(sock, (struct sockaddr *)&at, &bytes);
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd[0], (struct sockaddr *)&at, bytes), 0);
	fd[1] = accept4(sock, NULL, NULL, SOCK_CLOEXEC);
	close(sock);
}

static void use_sockets(struct session *s, void (*connect_pair)(int fd[2]))
{
	struct channel *a, *b;
	int fd[2];

	connect_pair(fd);
	assert_int_equal(channel_from_fd(fd[0], &a), 0);
	assert_int_equal(channel_from_fd(fd[1], &b), 0);
	session_use(s, a, b);
}

static void over_sockets(void (*connect_pair)(int fd[2]))
{
	struct session s;

	session_init(&s, (unsigned int[]){ 2000, 64 }, 2, 6);
	use_sockets(&s, connect_pair);
	s.from.writes_per_touch = 50;
	s.from.writes_left = 3000;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(s.target_rc, 0);
	session_exit(&s);

	/* What the target says when it gives up reaches the source. */
	session_init(&s, (unsigned int[]){ 2000, 64 }, 2, 7);
	use_sockets(&s, connect_pair);
	s.to.fault = FAKE_LOAD;
	session_run(&s);
	assert_int_equal(s.source_rc, -EPROTO);
	assert_non_null(strstr(s.source_stats.error, "failed to load"));
	session_exit(&s);
}

static void test_sockets(void **state)
{
	over_sockets(unix_pair);
	over_sockets(tcp_pair);
}

/* Zero pages cost no payload, and are not touched on the target. */
static void test_zero_pages(void **state)
{
	struct migrate_stats *st;
	struct session s;

	session_init(&s, (unsigned int[]){ 17000 }, 1, 7);
	memset(s.from.region[0].hva, 0, s.from.region[0].bytes);
	session_run(&s);
	st = &s.source_stats;
	assert_int_equal(s.target_rc, 0);
	assert_int_equal(st->rounds[0].zero_pages, 17000);
	assert_true(st->wire_bytes < 16384);
	assert_true(fake_vm_equal(&s.from, &s.to));
	session_exit(&s);
}

static void test_stats_add_up(void **state)
{
	uint64_t wire = 0, pages = 0, zero_pages = 0;
	struct migrate_stats *st;
	struct session s;
	unsigned int i;

	session_init(&s, (unsigned int[]){ 300, 200, 100 }, 3, 8);
	s.from.writes_per_touch = 40;
	s.from.writes_left = 1000;
	s.params.downtime_limit_ns = 0;
	session_run(&s);
	st = &s.source_stats;
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(st->phase, MIGRATE_DONE);
	assert_true(st->nr_rounds > 3 && st->nr_rounds <= 256);
	for (i = 0; i < st->nr_rounds; i++) {
		wire += st->rounds[i].wire_bytes;
		pages += st->rounds[i].pages;
		zero_pages += st->rounds[i].zero_pages;
		if (i)
			assert_true(st->rounds[i].start_ns >=
				    st->rounds[i - 1].start_ns +
					    st->rounds[i - 1].duration_ns);
		if (i + 2 < st->nr_rounds)
			assert_true(st->rounds[i + 1].pages >=
				    st->rounds[i].dirty_pages_after);
	}
	/* The announcement, which is the state as it was; hello, state and
	 * go are the rest. */
	wire += 32 + 8 + st->state_bytes;
	wire += 32 + 48 + 3 * 16 + 32 + 8 + st->state_bytes + 32 + 8;
	assert_int_equal(wire, st->wire_bytes);
	assert_int_equal(pages, st->pages);
	assert_int_equal(zero_pages, st->zero_pages);
	assert_int_equal(st->ram_bytes, fake_vm_bytes(&s.from));
	assert_int_equal(st->remaining_bytes, 0);
	assert_int_equal(s.target_stats.pages, pages);
	assert_int_equal(s.target_stats.zero_pages, zero_pages);
	assert_int_equal(s.target_stats.wire_bytes, st->wire_bytes);
	assert_int_equal(s.target_stats.nr_rounds, st->nr_rounds);
	/* The parts of the switchover come in order. */
	assert_true(st->pause_begin_ns <= st->paused_ns &&
		    st->paused_ns <= st->final_ram_ns &&
		    st->final_ram_ns <= st->state_saved_ns &&
		    st->state_saved_ns <= st->go_ns &&
		    st->go_ns <= st->total_ns);
	assert_int_equal(st->downtime_ns, st->go_ns - st->pause_begin_ns);
	assert_true(s.target_stats.resumed_ns >= s.target_stats.go_ns);
	assert_int_equal(st->state_bytes, sizeof(s.from.state));
	assert_true(st->running_confirmed);
	session_exit(&s);
}

/* More rounds than are kept. */
static void test_many_rounds(void **state)
{
	struct session s;

	session_init(&s, one_region, 1, 9);
	s.from.writes_per_touch = 2;
	s.from.writes_left = 6000;
	s.params.downtime_limit_ns = 0;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_true(s.source_stats.nr_rounds > MIGRATE_MAX_ROUNDS_KEPT);
	session_exit(&s);
}

static void test_no_autostart(void **state)
{
	struct session s;

	session_init(&s, one_region, 1, 10);
	s.no_autostart = true;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(s.target_rc, 0);
	assert_false(s.to.running);
	assert_true(s.source_stats.running_confirmed);
	session_exit(&s);
}

/* `go` has left, and the target says nothing: done, but nobody knows. */
static void test_not_confirmed(void **state)
{
	struct session s;

	session_init(&s, one_region, 1, 12);
	s.cut.silent = true;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(s.source_stats.phase, MIGRATE_DONE);
	assert_false(s.source_stats.running_confirmed);
	session_exit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_scripts),
		cmocka_unit_test(test_reached),
		cmocka_unit_test(test_writer_thread),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_zero_pages),
		cmocka_unit_test(test_stats_add_up),
		cmocka_unit_test(test_many_rounds),
		cmocka_unit_test(test_no_autostart),
		cmocka_unit_test(test_not_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
