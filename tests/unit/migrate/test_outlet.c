/* SPDX-License-Identifier: MIT */
/* Do pages arrive whichever way they leave, and is it counted right? */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "migrate/outlet.h"

#define HEAD 48u
#define PAGE 4096u
#define PAGES 40u
#define TOTAL (HEAD + PAGES * PAGE)

static uint8_t head[HEAD], page[2 * PAGES][PAGE], want[TOTAL], got[TOTAL];

static void open_unix(struct channel **a, struct channel **b)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd),
			 0);
	assert_int_equal(channel_from_fd(fd[0], a), 0);
	assert_int_equal(channel_from_fd(fd[1], b), 0);
}

static void open_tcp(struct channel **a, struct channel **b)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), to;
	socklen_t bytes = sizeof(at);

	assert_int_equal(bind(listener, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (void *)&at, &bytes), 0);
	assert_int_equal(connect(from, (void *)&at, sizeof(at)), 0);
	to = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(to >= 0);
	close(listener);
	assert_int_equal(channel_from_fd(from, a), 0);
	assert_int_equal(channel_from_fd(to, b), 0);
}

/* Every other page: none lies beside the next. */
static void lay_out(struct iovec *iov)
{
	unsigned int i, k;

	memset(head, 0x5a, sizeof(head));
	memcpy(want, head, HEAD);
	iov[0] = (struct iovec){ head, HEAD };
	for (i = 0; i < PAGES; i++) {
		for (k = 0; k < PAGE; k++)
			page[2 * i][k] = (uint8_t)(i * 7 + k);
		memcpy(want + HEAD + (size_t)i * PAGE, page[2 * i], PAGE);
		iov[i + 1] = (struct iovec){ page[2 * i], PAGE };
	}
}

static void *take_all(void *ch)
{
	return (void *)(intptr_t)channel_read_all(ch, got, sizeof(got));
}

static void pass(struct outlet *o, struct channel *to)
{
	struct iovec iov[1 + PAGES];
	pthread_t thread;
	void *rc;

	lay_out(iov);
	memset(got, 0, sizeof(got));
	assert_int_equal(pthread_create(&thread, NULL, take_all, to), 0);
	assert_int_equal(outlet_write(o, iov, 1 + PAGES), 0);
	assert_int_equal(outlet_settle(o), 0);
	pthread_join(thread, &rc);
	assert_int_equal((intptr_t)rc, 0);
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(channel_bytes_out(o->ch), TOTAL);
}

static const struct {
	struct migrate_send how;
	struct migrate_send_stats stats;
} ways[] = {
	{ { 0 }, { .writes = 1, .iovecs = PAGES } },
	{ { .iovecs = 1 }, { .writes = PAGES, .iovecs = PAGES } },
	{ { .iovecs = 16 }, { .writes = 3, .iovecs = PAGES } },
	{ { .copy = true },
	  { .copied_bytes = PAGES * PAGE, .writes = 6, .iovecs = 6 } },
};

static void check(const struct migrate_send_stats *a,
		  const struct migrate_send_stats *b)
{
	assert_int_equal(a->copied_bytes, b->copied_bytes);
	assert_int_equal(a->writes, b->writes);
	assert_int_equal(a->iovecs, b->iovecs);
	assert_int_equal(a->zerocopy_writes, b->zerocopy_writes);
}

static void test_ways(void **state)
{
	struct channel *a, *b;
	struct error err = { "" };
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct outlet o = { 0 };

		open_unix(&a, &b);
		assert_int_equal(outlet_open(&o, a, &ways[i].how, &err), 0);
		pass(&o, b);
		check(&o.stats, &ways[i].stats);
		outlet_close(&o);
		channel_close(a);
		channel_close(b);
	}
}

/* A channel that writes from one place: through the other's vectors. */
static const struct channel_ops *vectored;

static ssize_t write_one(struct channel *ch, const void *data, size_t bytes)
{
	struct iovec iov = { (void *)data, bytes };

	return vectored->writev(ch, &iov, 1);
}

static void test_no_vectors(void **state)
{
	struct migrate_send how = { .iovecs = 16 };
	struct error err = { "" };
	struct outlet o = { 0 };
	struct channel_ops ops;
	struct channel *a, *b;

	open_unix(&a, &b);
	vectored = a->ops;
	ops = *vectored;
	ops.writev = NULL;
	ops.write = write_one;
	a->ops = &ops;
	assert_int_equal(outlet_open(&o, a, &how, &err), 0);
	pass(&o, b);
	check(&o.stats, &ways[3].stats);
	outlet_close(&o);
	channel_close(a);
	channel_close(b);
}

static void test_zerocopy(void **state)
{
	struct migrate_send how = { .zerocopy = true, .iovecs = 8 };
	struct error err = { "" };
	struct outlet o = { 0 };
	struct channel *a, *b;

	open_tcp(&a, &b);
	assert_int_equal(outlet_open(&o, a, &how, &err), 0);
	pass(&o, b);
	assert_int_equal(o.stats.copied_bytes, 0);
	assert_int_equal(o.stats.writes, 5);
	assert_int_equal(o.stats.zerocopy_writes, 5);
	/* The loopback device keeps nobody's pages. */
	assert_int_equal(o.stats.zerocopy_copied, 5);
	outlet_close(&o);
	channel_close(a);
	channel_close(b);
}

/* A completion is no message from the peer. */
static void test_completion_is_no_news(void **state)
{
	struct migrate_send how = { .zerocopy = true };
	struct iovec iov[1 + PAGES];
	struct error err = { "" };
	struct outlet o = { 0 };
	struct channel *a, *b;

	open_tcp(&a, &b);
	lay_out(iov);
	assert_int_equal(outlet_open(&o, a, &how, &err), 0);
	assert_int_equal(outlet_write(&o, iov, 3), 0);
	assert_int_equal(channel_read_all(b, got, HEAD + 2 * PAGE), 0);
	assert_int_equal(channel_wait(a, 20000000), 0);
	assert_int_equal(outlet_settle(&o), 0);
	outlet_close(&o);
	channel_close(a);
	channel_close(b);
}

/* What will never be acknowledged is not waited for. */
static void test_peer_leaves(void **state)
{
	struct migrate_send how = { .zerocopy = true };
	struct iovec iov[1 + PAGES];
	struct error err = { "" };
	struct outlet o = { 0 };
	struct channel *a, *b;
	int rc;

	open_tcp(&a, &b);
	lay_out(iov);
	assert_int_equal(outlet_open(&o, a, &how, &err), 0);
	assert_int_equal(outlet_write(&o, iov, 1 + PAGES), 0);
	channel_close(b);
	/* It may all have been acknowledged before. */
	rc = outlet_settle(&o);
	assert_true(!rc || rc == -EPIPE || rc == -ECONNRESET);
	channel_shutdown(a);
	outlet_close(&o);
	channel_close(a);
}

static void test_refused(void **state)
{
	struct migrate_send how = { .zerocopy = true };
	struct error err = { "" };
	struct outlet o = { 0 };
	struct channel *a, *b;

	open_unix(&a, &b);
	assert_int_equal(outlet_open(&o, a, &how, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "zerocopy"));
	channel_close(a);
	channel_close(b);
	assert_int_equal(channel_pair(100, &a, &b), 0);
	assert_int_equal(outlet_open(&o, a, &how, &err), -EOPNOTSUPP);
	channel_close(a);
	channel_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_no_vectors),
		cmocka_unit_test(test_zerocopy),
		cmocka_unit_test(test_completion_is_no_news),
		cmocka_unit_test(test_peer_leaves),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
