/* SPDX-License-Identifier: MIT */
/* Channels: short counts, ends, wake-ups; the same for both kinds. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/clock.h"
#include "migrate/channel.h"

struct pair {
	struct channel *a, *b;
};

static void open_memory(struct pair *p)
{
	assert_int_equal(channel_pair(1000, &p->a, &p->b), 0);
}

static void open_sockets(struct pair *p)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				    0, fd),
			 0);
	assert_int_equal(channel_from_fd(fd[0], &p->a), 0);
	assert_int_equal(channel_from_fd(fd[1], &p->b), 0);
	/* A client may have passed a socket that does not block. */
	assert_false(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
}

static void (*const kinds[])(struct pair *p) = { open_memory, open_sockets };

static void each(void (*test)(struct pair *p))
{
	struct pair p;
	size_t i;

	for (i = 0; i < 2; i++) {
		kinds[i](&p);
		test(&p);
		channel_close(p.a);
		channel_close(p.b);
	}
}

/* A socket says when it is full, and when it is not any more. */
static void test_room(void **state)
{
	static uint8_t bytes[65536];
	unsigned int nr = 0, i;
	struct pair p;

	open_sockets(&p);
	while (channel_has_room(p.a)) {
		struct iovec iov = { bytes, sizeof(bytes) };

		assert_int_equal(channel_write_all(p.a, &iov, 1), 0);
		assert_true(++nr < 1000);
	}
	/* With room for some 100 KiB, as it says. */
	assert_true(nr > 1);
	for (i = 0; i < nr; i++)
		assert_int_equal(channel_read_all(p.b, bytes, sizeof(bytes)),
				 0);
	assert_true(channel_has_room(p.a));
	channel_close(p.a);
	channel_close(p.b);
	open_memory(&p);
	assert_true(channel_has_room(p.a));
	channel_close(p.a);
	channel_close(p.b);
}

static uint8_t big[3000000], got[sizeof(big)];

static void *write_big(void *ctx)
{
	struct channel *ch = ctx;
	struct iovec iov[1500];
	int i;

	/* More entries than one call takes, and an empty one. */
	for (i = 0; i < 1500; i++)
		iov[i] = (struct iovec){ big + i * 2000, i == 7 ? 0 : 2000 };
	return (void *)(intptr_t)channel_write_all(ch, iov, 1500);
}

static void whole_transfer(struct pair *p)
{
	pthread_t thread;
	void *rc;
	size_t i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + (i >> 9));
	pthread_create(&thread, NULL, write_big, p->a);
	assert_int_equal(channel_read_all(p->b, got, sizeof(got) - 2000), 0);
	pthread_join(thread, &rc);
	assert_null(rc);
	assert_memory_equal(got, big, 14000);
	assert_memory_equal(got + 14000, big + 16000, sizeof(big) - 16000);
	assert_int_equal(channel_bytes_out(p->a), sizeof(big) - 2000);
	assert_int_equal(channel_bytes_in(p->b), sizeof(big) - 2000);
}

static void test_whole_transfer(void **state)
{
	each(whole_transfer);
}

static void ends(struct pair *p)
{
	struct iovec iov = { big, 100 };

	assert_int_equal(channel_wait(p->b, 0), 0);
	assert_int_equal(channel_wait(p->b, 1000000), 0);
	assert_int_equal(channel_write_all(p->a, &iov, 1), 0);
	assert_int_equal(channel_wait(p->b, NSEC_PER_SEC), 1);
	channel_shutdown(p->a);
	/* What was written before can still be read. */
	assert_int_equal(channel_read_all(p->b, got, 60), 0);
	assert_int_equal(channel_read_all(p->b, got, 60), -ENODATA);
	assert_int_equal(channel_wait(p->b, NSEC_PER_SEC), 1);
	iov = (struct iovec){ big, 100 };
	assert_int_equal(channel_write_all(p->b, &iov, 1), -EPIPE);
	iov = (struct iovec){ big, 100 };
	assert_int_equal(channel_write_all(p->a, &iov, 1), -EPIPE);
	assert_true(channel_read_all(p->a, got, 1) < 0);
}

static void test_ends(void **state)
{
	each(ends);
}

static void *shut(void *ctx)
{
	channel_shutdown(ctx);
	return NULL;
}

/* A thread in the call, or on its way into it: both must come back. */
static void wakes(struct pair *p)
{
	struct iovec iov[] = { { big, sizeof(big) } };
	pthread_t thread;

	pthread_create(&thread, NULL, shut, p->a);
	assert_int_equal(channel_write_all(p->a, iov, 1), -EPIPE);
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, shut, p->b);
	while (!channel_read_all(p->b, got, 1000))
		;
	assert_int_equal(channel_wait(p->b, 10 * NSEC_PER_SEC), 1);
	pthread_join(thread, NULL);
}

static void test_wakes(void **state)
{
	int i;

	for (i = 0; i < 50; i++)
		each(wakes);
}

static void test_no_capacity(void **state)
{
	struct channel *a, *b;

	assert_int_equal(channel_pair(0, &a, &b), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_transfer),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_wakes),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_no_capacity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
