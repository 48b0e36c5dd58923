/* SPDX-License-Identifier: MIT */
/* Several connections for one migration: whole, cut, and with peers that lie. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "migrate/peer.h"
#include "session.h"

#define CAPACITY (64u << 10)
#define SESSION 0x1234567890abcdefull

/* Connections on their way from who dials to who accepts. */
struct network {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct channel *waiting[MIGRATE_MAX_CHANNELS];
	unsigned int nr;
	unsigned int dialled;
	unsigned int lost; /* that one never arrives (1 ..) */
	struct channel *stray; /* it */
	unsigned int cut; /* that one breaks (1 ..) */
	uint64_t cut_out; /* after so many bytes */
};

static void network_init(struct network *n)
{
	pthread_condattr_t attr;

	memset(n, 0, sizeof(*n));
	pthread_mutex_init(&n->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&n->changed, &attr);
	pthread_condattr_destroy(&attr);
}

static void network_exit(struct network *n)
{
	while (n->nr)
		channel_close(n->waiting[--n->nr]);
	channel_close(n->stray);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
}

static void arrive(struct network *n, struct channel *ch)
{
	pthread_mutex_lock(&n->lock);
	n->waiting[n->nr++] = ch;
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
}

static void close_cut(struct channel *ch)
{
	channel_close(((struct cut_channel *)ch)->inner);
	free(ch);
}

/* With a life of its own, as the engine closes it. */
static struct channel *breaking(struct channel *inner, uint64_t cut_out)
{
	static struct channel_ops ops;
	struct cut_channel *cut = malloc(sizeof(*cut));

	cut_channel_init(cut, inner);
	ops = *cut->base.ops;
	ops.close = close_cut;
	cut->base.ops = &ops;
	cut->cut_out = cut_out;
	return &cut->base;
}

static int dial(void *ctx, uint64_t timeout_ns, struct channel **ret_channel,
		struct error *err)
{
	struct network *n = ctx;
	struct channel *a, *b;
	int rc = channel_pair(CAPACITY, &a, &b);

	if (rc)
		return rc;
	n->dialled++;
	if (n->dialled == n->lost)
		n->stray = b;
	else
		arrive(n, b);
	*ret_channel = n->dialled == n->cut ? breaking(a, n->cut_out) : a;
	return 0;
}

static int take(void *ctx, uint64_t timeout_ns, struct channel **ret_channel,
		struct error *err)
{
	struct network *n = ctx;
	uint64_t end_ns = clock_now_ns() + timeout_ns;
	struct timespec end = {
		.tv_sec = (time_t)(end_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(end_ns % NSEC_PER_SEC),
	};
	int rc = 0;

	pthread_mutex_lock(&n->lock);
	while (!n->nr && !rc)
		rc = -pthread_cond_timedwait(&n->changed, &n->lock, &end);
	if (n->nr) {
		*ret_channel = n->waiting[0];
		memmove(n->waiting, n->waiting + 1,
			--n->nr * sizeof(n->waiting[0]));
		rc = 0;
	}
	pthread_mutex_unlock(&n->lock);
	return rc;
}

static void *target_main(void *ctx)
{
	struct session *s = ctx;

	s->target_rc = migrate_target_run(s->target, true);
	return NULL;
}

static void run(struct session *s, struct network *n, unsigned int nr,
		uint64_t timeout_ns)
{
	const struct migrate_channels from = { nr, timeout_ns, dial, n };
	const struct migrate_channels to = { MIGRATE_MAX_CHANNELS, timeout_ns,
					     take, n };
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

	for (cut = 0; cut < 2000000; cut = cut * 3 / 2 + 37) {
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

	for (cut = 0; cut < 3000000; cut = cut * 3 / 2 + 41) {
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
	const struct migrate_channels from = { 4, NSEC_PER_SEC, dial, NULL };
	struct migrate_channels source = from, to = from;
	pthread_t threads[2];
	struct session s;
	struct network n;

	begin(&s, &n, 3);
	session_create(&s);
	source.ctx = to.ctx = &n;
	to.open = take;
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

/* ---- a source that lies ------------------------------------------------- */

struct liar {
	struct network n;
	struct fake_vm vm;
	struct channel *main;
	struct peer peer;
	struct error err;
	struct migrate_target *tgt;
	pthread_t thread;
	int rc;
	struct migrate_stats stats;
};

static const unsigned int small[] = { 64 };

static void *liar_target(void *ctx)
{
	struct liar *l = ctx;

	l->rc = migrate_target_run(l->tgt, true);
	return NULL;
}

/* A target that has heard a hello for @nr channels. */
static void liar_begin(struct liar *l, unsigned int nr, unsigned int takes)
{
	const struct migrate_channels to = { takes, 100 * NSEC_PER_MSEC, take,
					     &l->n };
	struct wire_hello hello = {
		.nr_channels = nr,
		.session = nr > 1 ? SESSION : 0,
		.nr_regions = 1,
	};
	uint8_t table[512];
	struct channel *b;

	memset(l, 0, sizeof(*l));
	network_init(&l->n);
	fake_vm_init(&l->vm, small, 1);
	hello.region[0] = (struct wire_region){ l->vm.region[0].gpa,
						l->vm.region[0].bytes };
	channel_pair(CAPACITY, &l->main, &b);
	l->peer = (struct peer){ .ch = l->main,
				 .name = "target",
				 .during = "test",
				 .err = &l->err };
	migrate_target_create(&fake_vm_ops, &l->vm, b, NULL, &l->tgt);
	migrate_target_set_channels(l->tgt, &to);
	pthread_create(&l->thread, NULL, liar_target, l);
	peer_send(&l->peer, WIRE_HELLO, table, wire_put_hello(table, &hello));
}

/* Another connection that says it is channel @index of @session. */
static void liar_connect(struct liar *l, struct peer *p, uint64_t session,
			 uint32_t index)
{
	struct channel *b;
	uint8_t table[16];

	*p = (struct peer){ .name = "target",
			    .during = "test",
			    .err = &l->err };
	assert_int_equal(channel_pair(CAPACITY, &p->ch, &b), 0);
	peer_send(p, WIRE_CHANNEL, table,
		  wire_put_channel(table, session, index));
	arrive(&l->n, b);
}

static void round_record(struct peer *p, enum wire_type type, uint32_t round,
			 uint64_t pages)
{
	const struct wire_round r = { round, 0, pages, 0 };

	peer_send_round(p, type, &r);
}

static void page_record(struct liar *l, struct peer *p)
{
	struct {
		struct wire_header_le header;
		struct wire_run_le run;
	} head;
	uint8_t page[FAKE_PAGE] = { 1 };
	struct wire_header h = { WIRE_RAM_BATCH, 0, sizeof(head.run),
				 FAKE_PAGE };
	struct iovec iov[2] = { { &head, sizeof(head) },
				{ page, sizeof(page) } };

	wire_put_run(&head.run, l->vm.region[0].gpa / FAKE_PAGE, 1, WIRE_RAW);
	peer_send_iov(p, &head.header, &h, iov, 2);
}

/* The target must have given up, with that sentence. */
static void liar_end(struct liar *l, int rc, const char *sentence)
{
	pthread_join(l->thread, NULL);
	migrate_target_stats(l->tgt, &l->stats);
	assert_int_equal(l->rc, rc);
	assert_false(l->vm.running);
	if (!strstr(l->stats.error, sentence))
		fail_msg("'%s' lacks '%s'", l->stats.error, sentence);
	migrate_target_destroy(l->tgt);
	channel_close(l->main);
	network_exit(&l->n);
	fake_vm_exit(&l->vm);
}

static void test_number_of_channels(void **state)
{
	struct liar l;

	liar_begin(&l, 3, 2);
	liar_end(&l, -EPROTO, "wants 3 channels, this target takes 2");
	liar_begin(&l, MIGRATE_MAX_CHANNELS + 1, 16);
	liar_end(&l, -EPROTO, "wants 17 channels, not 1 to 16");
	liar_begin(&l, 0, 16);
	liar_end(&l, -EPROTO, "wants 0 channels");
	liar_begin(&l, 2, 16);
	liar_end(&l, -ETIMEDOUT, "1 of 2 channels came within 100 ms");
}

static void test_identity(void **state)
{
	struct peer a, b;
	struct liar l;

	liar_begin(&l, 3, 16);
	liar_connect(&l, &a, SESSION, 1);
	liar_connect(&l, &b, SESSION, 1);
	liar_end(&l, -EPROTO, "channel 1 came twice");
	channel_close(a.ch);
	channel_close(b.ch);
	liar_begin(&l, 3, 16);
	liar_connect(&l, &a, SESSION, 3);
	liar_end(&l, -EPROTO, "channel 3 came, where 1 to 2 were due");
	channel_close(a.ch);
	/* Strangers are shown the door, and the wait goes on. */
	liar_begin(&l, 2, 16);
	liar_connect(&l, &a, SESSION + 1, 1);
	liar_connect(&l, &b, 0, 1);
	liar_end(&l, -ETIMEDOUT, "1 of 2 channels came");
	channel_close(a.ch);
	channel_close(b.ch);
}

static void test_rounds(void **state)
{
	struct peer a;
	struct liar l;

	liar_begin(&l, 2, 16);
	liar_connect(&l, &a, SESSION, 1);
	round_record(&a, WIRE_ROUND_BEGIN, 2, 0);
	liar_end(&l, -EPROTO, "round 2 begins on channel 1 where round 1");
	channel_close(a.ch);
	/* Pages before their round, or behind it. */
	liar_begin(&l, 2, 16);
	liar_connect(&l, &a, SESSION, 1);
	page_record(&l, &a);
	liar_end(&l, -EPROTO, "ram-batch record where round-begin was due");
	channel_close(a.ch);
	liar_begin(&l, 2, 16);
	liar_connect(&l, &a, SESSION, 1);
	round_record(&l.peer, WIRE_ROUND_BEGIN, 1, 0);
	round_record(&a, WIRE_ROUND_BEGIN, 1, 0);
	page_record(&l, &a);
	round_record(&a, WIRE_ROUND_END, 1, 1);
	page_record(&l, &a);
	liar_end(&l, -EPROTO, "ram-batch record where round-begin was due");
	channel_close(a.ch);
	/* The next round, while the first channel has not ended this one. */
	liar_begin(&l, 2, 16);
	liar_connect(&l, &a, SESSION, 1);
	round_record(&l.peer, WIRE_ROUND_BEGIN, 1, 0);
	round_record(&a, WIRE_ROUND_BEGIN, 1, 0);
	round_record(&a, WIRE_ROUND_END, 1, 0);
	round_record(&a, WIRE_ROUND_BEGIN, 2, 0);
	liar_end(&l, -EPROTO, "round 2 begins on channel 1 where round 1");
	channel_close(a.ch);
	/* Sums that are not those of what came. */
	liar_begin(&l, 2, 16);
	liar_connect(&l, &a, SESSION, 1);
	round_record(&l.peer, WIRE_ROUND_BEGIN, 1, 0);
	round_record(&a, WIRE_ROUND_BEGIN, 1, 0);
	page_record(&l, &a);
	round_record(&a, WIRE_ROUND_END, 1, 2);
	liar_end(&l, -EPROTO, "on channel 1 does not add up");
	channel_close(a.ch);
	liar_begin(&l, 2, 16);
	liar_connect(&l, &a, SESSION, 1);
	round_record(&l.peer, WIRE_ROUND_BEGIN, 1, 0);
	round_record(&a, WIRE_ROUND_BEGIN, 1, 0);
	page_record(&l, &a);
	round_record(&a, WIRE_ROUND_END, 1, 1);
	round_record(&l.peer, WIRE_ROUND_END, 1, 0);
	liar_end(&l, -EPROTO, "the end of round 1 does not add up");
	channel_close(a.ch);
}

/* One channel ends in the middle of a round, the first one stays silent. */
static void test_ends_early(void **state)
{
	struct peer a;
	struct liar l;

	liar_begin(&l, 2, 16);
	liar_connect(&l, &a, SESSION, 1);
	round_record(&l.peer, WIRE_ROUND_BEGIN, 1, 0);
	round_record(&a, WIRE_ROUND_BEGIN, 1, 0);
	page_record(&l, &a);
	channel_close(a.ch);
	liar_end(&l, -ENODATA, "the source closed the connection");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_never_connects),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_first),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_number_of_channels),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_ends_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
