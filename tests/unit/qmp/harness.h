/* SPDX-License-Identifier: MIT */
/* A server in a thread, and raw bytes to and from it. */
#ifndef TESTS_UNIT_QMP_HARNESS_H
#define TESTS_UNIT_QMP_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "qmp/client.h"
#include "qmp/server.h"

#define PATIENCE_MS 20000 /* only a broken test waits so long */
#define CAPS "{\"execute\":\"qmp_capabilities\"}\n"
#define RETURN_EMPTY "{\"return\": {}}\r\n"

struct server {
	struct qmp_server *srv;
	pthread_t thread;
	int run_ret;
};

static inline void *server_main(void *ctx)
{
	struct server *s = ctx;

	s->run_ret = qmp_server_run(s->srv);
	return NULL;
}

static inline void server_start(struct server *s)
{
	assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
}

static inline void server_stop(struct server *s)
{
	qmp_server_stop(s->srv);
	pthread_join(s->thread, NULL);
	assert_int_equal(s->run_ret, 0);
	qmp_server_destroy(s->srv);
}

/* A client's end of a new connection; before server_start(). */
static inline int server_connect(struct server *s)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(qmp_server_add_client(s->srv, fds[0]), 0);
	return fds[1];
}

static inline void put(int fd, const char *text)
{
	size_t bytes = strlen(text);

	assert_int_equal(send(fd, text, bytes, MSG_NOSIGNAL), bytes);
}

/* One byte, or -1 at the end of the stream. */
static inline int get_byte(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned char c;

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	return recv(fd, &c, 1, 0) == 1 ? c : -1;
}

/* A line with its end, or "" at the end of the stream. */
static inline const char *get(int fd, char *line, size_t bytes)
{
	size_t at = 0;
	int c = 0;

	while (c != '\n' && at < bytes - 1 && (c = get_byte(fd)) >= 0)
		line[at++] = (char)c;
	line[at] = '\0';
	return line;
}

#define expect(fd, text)                                                       \
	do {                                                                   \
		char line_[4096];                                              \
		assert_string_equal(get(fd, line_, sizeof(line_)), text);      \
	} while (0)

/* The next line holds @part. */
#define expect_part(fd, part)                                                  \
	do {                                                                   \
		char line_[4096];                                              \
		get(fd, line_, sizeof(line_));                                 \
		if (!strstr(line_, part))                                      \
			fail_msg("\"%s\" lacks \"%s\"", line_, part);          \
	} while (0)

/* Greeting and qmp_capabilities. */
static inline void negotiate(int fd)
{
	expect_part(fd, "{\"QMP\": {\"version\": {\"qemu\": ");
	put(fd, CAPS);
	expect(fd, RETURN_EMPTY);
}

#endif
