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

#include "base/bitmap.h"
#include "base/clock.h"
#include "migrate/wire.h"
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

/* A guest that truly runs beside the engine. */
static void test_writer_thread(void **state)
{
	pthread_t guest;
	struct session s;

	session_init(&s, (unsigned int[]){ 600, 300 }, 2, 5);
	pthread_create(&guest, NULL, guest_main, &s.from);
	session_run(&s);
	pthread_join(guest, NULL);
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
	/* hello, state and go are the rest */
	wire += 32 + 32 + 3 * 16 + 32 + 8 + st->state_bytes + 32 + 8;
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
	session_exit(&s);
}

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
	struct migrate_params patient = { 0, NSEC_PER_SEC };

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
		cmocka_unit_test(test_random_scripts),
		cmocka_unit_test(test_writer_thread),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_zero_pages),
		cmocka_unit_test(test_stats_add_up),
		cmocka_unit_test(test_many_rounds),
		cmocka_unit_test(test_no_autostart),
		cmocka_unit_test(test_converges_by_new_limit),
		cmocka_unit_test(test_never_converges_then_cancel),
		cmocka_unit_test(test_page_sent),
		cmocka_unit_test(test_final_dirty),
		cmocka_unit_test(test_max_bandwidth),
		cmocka_unit_test(test_no_limit_after_the_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
