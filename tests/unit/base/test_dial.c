/* SPDX-License-Identifier: MIT */
/* Does address_dial() come back from a peer that never accepts? */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "unit/unit.h"

#define LONG_MS 60000u

struct peer {
	char dir[64];
	char address[128];
	int listen_fd;
	int waiting[4]; /* fill the backlog; -1 = not needed */
	int cancel_fd;
};

/* Connects until there is no room left. */
static void fill(struct peer *p)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < ARRAY_LEN(p->waiting) && !rc; i++)
		rc = address_connect_start(p->address, &p->waiting[i]);
}

static struct peer *peer_new(bool tcp)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t bytes = sizeof(in);
	struct peer *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	memset(p->waiting, -1, sizeof(p->waiting));
	strcpy(p->dir, "/tmp/vmferry-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->address, sizeof(p->address), "unix:%s/s", p->dir);
	if (tcp)
		strcpy(p->address, "tcp:127.0.0.1:0");
	assert_int_equal(address_listen(p->address, &p->listen_fd, NULL), 0);
	assert_int_equal(listen(p->listen_fd, 0), 0);
	if (tcp) {
		assert_int_equal(getsockname(p->listen_fd,
					     (struct sockaddr *)&in, &bytes),
				 0);
		snprintf(p->address, sizeof(p->address), "tcp:127.0.0.1:%u",
			 (unsigned int)ntohs(in.sin_port));
	}
	p->cancel_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(p->cancel_fd >= 0);
	return p;
}

static void peer_free(struct peer *p)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(p->waiting); i++)
		if (p->waiting[i] >= 0)
			close(p->waiting[i]);
	close(p->listen_fd);
	close(p->cancel_fd);
	address_unlink(p->address);
	rmdir(p->dir);
	free(p);
}

static void test_times_out(void **state)
{
	int tcp;

	for (tcp = 0; tcp < 2; tcp++) {
		struct peer *p = peer_new(tcp);
		struct error err = { "" };
		int fd = -7;

		fill(p);
		assert_int_equal(
			address_dial(p->address, p->cancel_fd, 60, &fd, &err),
			-ETIMEDOUT);
		assert_int_equal(fd, -7);
		assert_non_null(strstr(err.text, p->address));
		assert_non_null(strstr(err.text, "60 ms"));
		peer_free(p);
	}
}

static void *cancel(void *ctx)
{
	struct peer *p = ctx;

	eventfd_write(p->cancel_fd, 1);
	return NULL;
}

static void test_is_cancelled(void **state)
{
	uint64_t begin_ns = clock_now_ns();
	int tcp;

	for (tcp = 0; tcp < 2; tcp++) {
		struct peer *p = peer_new(tcp);
		pthread_t thread;
		int fd = -7;

		fill(p);
		assert_int_equal(pthread_create(&thread, NULL, cancel, p), 0);
		assert_int_equal(address_dial(p->address, p->cancel_fd, LONG_MS,
					      &fd, NULL),
				 -ECANCELED);
		assert_int_equal(fd, -7);
		pthread_join(thread, NULL);
		/* Also if that was before it began to wait. */
		assert_int_equal(address_dial(p->address, p->cancel_fd, LONG_MS,
					      &fd, NULL),
				 -ECANCELED);
		peer_free(p);
	}
	assert_true(clock_now_ns() - begin_ns < LONG_MS * NSEC_PER_MSEC / 2);
}

static void *accept_all(void *ctx)
{
	struct peer *p = ctx;
	int fd;

	while (!address_accept(p->listen_fd, 500, &fd, NULL))
		close(fd);
	return NULL;
}

/* A backlog that is full now, and has room soon. */
static void test_room_appears(void **state)
{
	struct peer *p = peer_new(false);
	pthread_t thread;
	int fd = -1;

	fill(p);
	assert_int_equal(pthread_create(&thread, NULL, accept_all, p), 0);
	assert_int_equal(
		address_dial(p->address, p->cancel_fd, LONG_MS, &fd, NULL), 0);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	pthread_join(thread, NULL);
	peer_free(p);
}

static void test_connects_at_once(void **state)
{
	int tcp;

	for (tcp = 0; tcp < 2; tcp++) {
		struct peer *p = peer_new(tcp);
		int fd = -1;

		assert_int_equal(
			address_dial(p->address, -1, LONG_MS, &fd, NULL), 0);
		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		close(fd);
		peer_free(p);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *address;
		int rc;
		const char *says;
	} rows[] = {
		{ "unix:/nonexistent/s", -ENOENT, "/nonexistent/s" },
		{ "tcp:127.0.0.1", -EINVAL, "lacks a port" },
		{ "fd:x", -EINVAL, "does not name a descriptor" },
		{ "nonsense", -EINVAL, "neither unix:PATH nor" },
	};
	struct peer *gone = peer_new(true);
	struct error err = { "" };
	int fd = -7;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		err.text[0] = '\0';
		assert_int_equal(
			address_dial(rows[i].address, -1, LONG_MS, &fd, &err),
			rows[i].rc);
		assert_non_null(strstr(err.text, rows[i].says));
	}
	close(gone->listen_fd);
	err.text[0] = '\0';
	assert_int_equal(address_dial(gone->address, -1, LONG_MS, &fd, &err),
			 -ECONNREFUSED);
	assert_non_null(strstr(err.text, gone->address));
	assert_int_equal(fd, -7);
	gone->listen_fd = eventfd(0, EFD_CLOEXEC);
	peer_free(gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_out),
		cmocka_unit_test(test_is_cancelled),
		cmocka_unit_test(test_room_appears),
		cmocka_unit_test(test_connects_at_once),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("base-dial", tests, NULL, NULL);
}
