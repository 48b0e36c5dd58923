/* SPDX-License-Identifier: MIT */
/* Connections of a check's own, to say on them what no client should. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "vfio/check_priv.h"

/* A server may still be busy with the client before. */
#define DIAL_MS 5000

static int dial(struct check_run *r, struct user_wire *w)
{
	char address[4096];
	int fd, rc;

	memset(w, 0, sizeof(*w));
	w->fd = -1;
	snprintf(address, sizeof(address), "unix:%s", r->params->target);
	rc = address_dial(address, -1, DIAL_MS, &fd, NULL);
	if (rc)
		return rc;
	rc = user_wire_init(w, fd);
	w->send_timeout_ms = DIAL_MS;
	return rc;
}

bool check_raw_open(struct check_run *r, struct user_wire *w)
{
	int rc = dial(r, w);

	return check_that(r, !rc, "no connection: %s", strerror(-rc));
}

static const char hello[] = "\0\0\1\0{\"capabilities\":{\"max_msg_fds\":8}}";

static bool greet(struct check_run *r, struct user_wire *w)
{
	return check_raw_call(r, w, USER_VERSION, hello, sizeof(hello), NULL,
			      0) == CHECK_ANSWER_OK;
}

bool check_raw_greet(struct check_run *r, struct user_wire *w)
{
	return check_raw_open(r, w) &&
	       check_that(r, greet(r, w), "VERSION was not answered");
}

int check_raw_send(struct check_run *r, struct user_wire *w, const void *data,
		   size_t bytes)
{
	const uint8_t *at = data;
	struct pollfd p = { .fd = w->fd, .events = POLLOUT };
	ssize_t n;

	while (bytes) {
		n = send(w->fd, at, bytes, MSG_NOSIGNAL);
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n < 0 && errno == EAGAIN) {
			if (poll(&p, 1, check_time_left_ms(r)) <= 0)
				return -ETIMEDOUT;
			continue;
		}
		if (n < 0)
			return -errno;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

enum check_answer check_raw_answer(struct check_run *r, struct user_wire *w,
				   struct user_message *ret, int timeout_ms)
{
	int left = check_time_left_ms(r);
	int rc;

	rc = user_wire_receive(w, ret, timeout_ms < left ? timeout_ms : left);
	if (rc == -EAGAIN)
		return CHECK_ANSWER_NONE;
	if (rc)
		return CHECK_ANSWER_CLOSED;
	user_message_close(ret);
	ret->nr_fds = 0;
	return user_message_error(ret) ? CHECK_ANSWER_REFUSED : CHECK_ANSWER_OK;
}

enum check_answer check_raw_call(struct check_run *r, struct user_wire *w,
				 uint16_t command, const void *payload,
				 size_t bytes, const int *fds,
				 unsigned int nr_fds)
{
	const struct iovec iov = { (void *)payload, bytes };
	const struct user_payload p = { &iov, 1, fds, nr_fds };
	struct user_header h = { .id = w->next_id++, .command = command };
	struct user_message m;

	if (user_wire_send(w, &h, &p))
		return CHECK_ANSWER_CLOSED;
	return check_raw_answer(r, w, &m, check_time_left_ms(r));
}

const char *check_answer_name(enum check_answer a)
{
	static const char *const names[] = {
		[CHECK_ANSWER_OK] = "accepted",
		[CHECK_ANSWER_REFUSED] = "refused",
		[CHECK_ANSWER_CLOSED] = "answered by hanging up",
		[CHECK_ANSWER_NONE] = "not answered",
	};

	return names[a];
}

bool check_raw_alive(struct check_run *r, const char *after)
{
	struct user_wire w;
	bool there = !dial(r, &w) && greet(r, &w);

	user_wire_exit(&w);
	return check_that(r, there, "no server for the next client after %s",
			  after);
}
