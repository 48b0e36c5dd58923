/* SPDX-License-Identifier: MIT */
/* A source that lies about its connections: who they are, and their rounds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "fake_vm.h"
#include "migrate/peer.h"
#include "network.h"

#define CAPACITY (64u << 10)
#define SESSION 0x1234567890abcdefull

struct liar {
	struct network n;
	struct fake_vm vm;
	struct channel *main, *theirs;
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
static void liar_begin_within(struct liar *l, unsigned int nr,
			      unsigned int takes, uint64_t timeout_ns)
{
	const struct migrate_channels to = { takes, timeout_ns, network_take,
					     &l->n };
	struct wire_hello hello = {
		.nr_channels = nr,
		.session = nr > 1 ? SESSION : 0,
		.nr_regions = 1,
	};
	uint8_t table[512];

	memset(l, 0, sizeof(*l));
	network_init(&l->n);
	fake_vm_init(&l->vm, small, 1);
	hello.region[0] = (struct wire_region){ l->vm.region[0].gpa,
						l->vm.region[0].bytes };
	channel_pair(CAPACITY, &l->main, &l->theirs);
	l->peer = (struct peer){ .ch = l->main,
				 .name = "target",
				 .during = "test",
				 .err = &l->err };
	migrate_target_create(&fake_vm_ops, &l->vm, l->theirs, NULL, &l->tgt);
	migrate_target_set_channels(l->tgt, &to);
	pthread_create(&l->thread, NULL, liar_target, l);
	peer_send(&l->peer, WIRE_HELLO, table, wire_put_hello(table, &hello));
}

static void liar_begin(struct liar *l, unsigned int nr, unsigned int takes)
{
	liar_begin_within(l, nr, takes, 100 * NSEC_PER_MSEC);
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
	network_arrive(&l->n, b);
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
	channel_close(l->theirs);
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

/* The first one ends while others are awaited, which never come. */
static void test_first_ends_alone(void **state)
{
	uint64_t begin_ns = clock_now_ns();
	struct peer a;
	struct liar l;

	liar_begin_within(&l, 3, 16, 30 * NSEC_PER_SEC);
	liar_connect(&l, &a, SESSION, 1);
	/* It has accepted. */
	assert_int_equal(channel_wait(l.main, 10 * NSEC_PER_SEC), 1);
	channel_shutdown(l.main);
	liar_end(&l, -ENODATA, "the source closed the connection in phase");
	channel_close(a.ch);
	/* And while another one's round goes on. */
	liar_begin(&l, 2, 16);
	liar_connect(&l, &a, SESSION, 1);
	round_record(&l.peer, WIRE_ROUND_BEGIN, 1, 0);
	round_record(&a, WIRE_ROUND_BEGIN, 1, 0);
	round_record(&l.peer, WIRE_ROUND_END, 1, 0);
	/* It has accepted. */
	assert_int_equal(channel_wait(l.main, 10 * NSEC_PER_SEC), 1);
	channel_shutdown(l.main);
	liar_end(&l, -ENODATA, "the source closed the connection in phase");
	channel_close(a.ch);
	assert_true(clock_now_ns() - begin_ns < 10 * NSEC_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number_of_channels),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_ends_early),
		cmocka_unit_test(test_first_ends_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
