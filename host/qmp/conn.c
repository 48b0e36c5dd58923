/* SPDX-License-Identifier: MIT */
/* A client's socket: reading with limits, writing without waiting. */
#include "qmp/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd_message.h"

#define READ_BYTES 16384

static void close_came(struct conn *c)
{
	while (c->nr_came)
		close(c->came[--c->nr_came]);
}

void conn_abort(struct conn *c)
{
	c->over = true;
	loop_remove(c->loop, c->fd);
}

/* Polls for what it can do now; nothing left to do = over. */
static void watch(struct conn *c)
{
	short events = c->closing ? 0 : POLLIN;

	if (c->over)
		return;
	if (conn_has_output(c))
		events |= POLLOUT;
	else if (c->closing)
		return conn_abort(c);
	loop_modify(c->loop, c->fd, events);
}

bool conn_has_output(const struct conn *c)
{
	return !c->over && c->out_at < c->out.bytes;
}

void conn_flush(struct conn *c)
{
	ssize_t n;

	while (conn_has_output(c)) {
		n = send(c->fd, c->out.data + c->out_at,
			 c->out.bytes - c->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return conn_abort(c);
		c->out_at += (size_t)n;
	}
	if (c->out_at == c->out.bytes)
		c->out_at = c->out.bytes = 0;
	watch(c);
}

static void forget_written(struct conn *c)
{
	memmove(c->out.data, c->out.data + c->out_at, c->out.bytes - c->out_at);
	c->out.bytes -= c->out_at;
	c->out_at = 0;
}

void conn_send(struct conn *c, const char *line)
{
	size_t bytes = line ? strlen(line) : 0;

	if (c->over)
		return;
	if (bytes > QMP_MAX_QUEUE_BYTES - c->out.bytes)
		forget_written(c);
	if (!line || bytes > QMP_MAX_QUEUE_BYTES - c->out.bytes ||
	    buf_append(&c->out, line, bytes))
		return conn_abort(c);
	conn_flush(c);
}

void conn_close(struct conn *c)
{
	c->closing = true;
	watch(c);
}

/* New descriptors replace those that no getfd claimed. */
static void receive_fds(struct conn *c, struct msghdr *msg)
{
	int fds[QMP_MAX_FDS];
	unsigned int nr = fd_message_take(msg, fds, QMP_MAX_FDS);

	if (!nr)
		return;
	close_came(c);
	memcpy(c->came, fds, nr * sizeof(int));
	c->nr_came = nr;
}

static ssize_t receive(struct conn *c, char *data, size_t bytes)
{
	struct iovec iov = { .iov_base = data, .iov_len = bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct fd_message with;
	ssize_t n;

	/* The kernel closes what does not fit. */
	fd_message_expect(&with, &msg, QMP_MAX_FDS);
	n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n >= 0)
		receive_fds(c, &msg);
	return n < 0 ? -errno : n;
}

static void deliver(struct conn *c, enum framer_result result)
{
	const char *text;
	size_t bytes;

	switch (result) {
	case FRAMER_MORE:
		break;
	case FRAMER_MESSAGE:
		text = framer_text(&c->in, &bytes);
		c->on_message(c->ctx, c, text, bytes, NULL);
		break;
	case FRAMER_TOO_DEEP:
		c->on_message(c->ctx, c, NULL, 0,
			      "JSON nesting depth limit exceeded");
		break;
	case FRAMER_TOO_LONG:
		c->on_message(c->ctx, c, NULL, 0,
			      "JSON message size limit exceeded");
		conn_close(c);
		break;
	case FRAMER_NO_MEMORY:
		conn_abort(c);
		break;
	}
}

static void consume(struct conn *c, const char *data, size_t bytes)
{
	enum framer_result result;
	size_t taken;

	while (bytes && !c->closing && !c->over) {
		taken = framer_feed(&c->in, data, bytes, &result);
		data += taken;
		bytes -= taken;
		deliver(c, result);
	}
}

static void on_poll(void *ctx, int fd, short revents)
{
	char data[READ_BYTES];
	struct conn *c = ctx;
	ssize_t n;

	if (revents & POLLOUT)
		conn_flush(c);
	if (c->over)
		return;
	if (c->closing) {
		if (revents & (POLLHUP | POLLERR))
			conn_abort(c);
		return;
	}
	if (!(revents & (POLLIN | POLLHUP | POLLERR)))
		return;
	n = receive(c, data, sizeof(data));
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n < 0)
		conn_abort(c);
	else if (!n)
		conn_close(c); /* it may still read what it asked for */
	else
		consume(c, data, (size_t)n);
}

int conn_create(struct loop *loop, int fd, conn_message_cb on_message,
		void *ctx, struct conn **ret_conn)
{
	struct conn *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->fd = fd;
	c->on_message = on_message;
	c->ctx = ctx;
	framer_init(&c->in, QMP_MAX_MESSAGE_BYTES, QMP_MAX_DEPTH);
	ret = loop_add(loop, fd, POLLIN, on_poll, c);
	if (ret) {
		free(c);
		return ret;
	}
	*ret_conn = c;
	return 0;
}

void conn_destroy(struct conn *c)
{
	if (!c->over)
		loop_remove(c->loop, c->fd);
	close_came(c);
	while (c->nr_named) {
		c->nr_named--;
		free(c->named[c->nr_named].name);
		close(c->named[c->nr_named].fd);
	}
	close(c->fd);
	framer_exit(&c->in);
	buf_exit(&c->out);
	free(c);
}
