/* SPDX-License-Identifier: MIT */
/* vfio-user messages over a socket. */
#include "vfio/user_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd_message.h"

_Static_assert(USER_MAX_FDS <= FD_MESSAGE_MAX, "one message takes them all");

#define SEND_TIMEOUT_MS 10000u

int user_wire_init(struct user_wire *w, int fd)
{
	int flags;

	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->send_timeout_ms = SEND_TIMEOUT_MS;
	w->buffer = malloc(USER_MAX_PAYLOAD);
	if (!w->buffer) {
		user_wire_exit(w);
		return -ENOMEM;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK)) {
		flags = -errno;
		user_wire_exit(w);
		return flags;
	}
	return 0;
}

void user_wire_exit(struct user_wire *w)
{
	user_message_close(&w->in);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	free(w->buffer);
	w->buffer = NULL;
	w->have = 0;
}

/* Of no end: UINT64_MAX. */
static uint64_t deadline_after(int timeout_ms)
{
	if (timeout_ms < 0)
		return UINT64_MAX;
	return clock_now_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
}

/* 0, -EAGAIN once @deadline_ns has come, or -errno. */
static int wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now, ms;
	int n;

	for (;;) {
		now = clock_now_ns();
		ms = deadline_ns <= now
			     ? 0
			     : (deadline_ns - now) / NSEC_PER_MSEC + 1;
		n = poll(&p, 1,
			 deadline_ns == UINT64_MAX ? -1
			 : ms > 1000000		   ? 1000000
						   : (int)ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n && clock_now_ns() >= deadline_ns)
			return -EAGAIN;
	}
}

/* Goes past @bytes in @msg. */
static void skip_sent(struct msghdr *msg, size_t bytes)
{
	while (bytes) {
		struct iovec *v = msg->msg_iov;
		size_t n = bytes < v->iov_len ? bytes : v->iov_len;

		v->iov_base = (uint8_t *)v->iov_base + n;
		v->iov_len -= n;
		bytes -= n;
		if (!v->iov_len) {
			msg->msg_iov++;
			msg->msg_iovlen--;
		}
	}
}

static int send_all(struct user_wire *w, struct msghdr *msg, size_t bytes)
{
	uint64_t deadline = deadline_after((int)w->send_timeout_ms);
	int rc;

	while (bytes) {
		ssize_t n = sendmsg(w->fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			/* Descriptors go with the first byte, once. */
			msg->msg_control = NULL;
			msg->msg_controllen = 0;
			skip_sent(msg, (size_t)n);
			bytes -= (size_t)n;
			w->bytes_out += (uint64_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		rc = wait_for(w->fd, POLLOUT, deadline);
		if (rc)
			return rc == -EAGAIN ? -ETIMEDOUT : rc;
	}
	return 0;
}

int user_wire_send(struct user_wire *w, struct user_header *h,
		   const struct user_payload *p)
{
	struct iovec iov[1 + USER_MAX_IOV];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1 };
	struct fd_message fds;
	size_t bytes = sizeof(*h);
	unsigned int i;

	for (i = 0; p && i < p->nr_iov; i++) {
		if (i == USER_MAX_IOV || p->iov[i].iov_len > USER_MAX_PAYLOAD)
			return -EMSGSIZE;
		bytes += p->iov[i].iov_len;
		if (p->iov[i].iov_len)
			iov[msg.msg_iovlen++] = p->iov[i];
	}
	if (bytes > sizeof(*h) + USER_MAX_PAYLOAD)
		return -EMSGSIZE;
	h->bytes = (uint32_t)bytes;
	iov[0] = (struct iovec){ h, sizeof(*h) };
	if (p && p->nr_fds) {
		if (p->nr_fds > USER_MAX_FDS)
			return -EMSGSIZE;
		fd_message_attach(&fds, &msg, p->fds, p->nr_fds);
	}
	w->messages_out++;
	return send_all(w, &msg, bytes);
}

/* One recvmsg() into @data; what it brought of descriptors goes to w->in. */
static ssize_t receive_some(struct user_wire *w, void *data, size_t bytes)
{
	struct iovec iov = { data, bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct user_message *in = &w->in;
	unsigned int room = USER_MAX_FDS - in->nr_fds;
	struct fd_message fds;
	ssize_t n;

	fd_message_expect(&fds, &msg, room);
	do
		n = recvmsg(w->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	in->nr_fds += fd_message_take(&msg, in->fds + in->nr_fds, room);
	if (msg.msg_flags & MSG_CTRUNC)
		in->fds_lost = true;
	w->bytes_in += (uint64_t)n;
	return n;
}

/* 1 = the message is whole, 0 = some of it came, or -errno. */
static int receive_step(struct user_wire *w)
{
	struct user_header *h = &w->in.header;
	size_t head = sizeof(*h);
	ssize_t n;

	if (w->have < head)
		n = receive_some(w, (uint8_t *)h + w->have, head - w->have);
	else
		n = receive_some(w, w->buffer + w->have - head,
				 h->bytes - w->have);
	if (n < 0)
		return (int)n;
	if (!n)
		return w->have ? -ECONNRESET : -ENODATA;
	w->have += (size_t)n;
	if (w->have < head)
		return 0;
	if (h->bytes < head)
		return -EPROTO;
	if (h->bytes - head > USER_MAX_PAYLOAD)
		return -EMSGSIZE;
	return w->have == h->bytes;
}

static void hand_over(struct user_wire *w, struct user_message *ret)
{
	*ret = w->in;
	ret->payload = w->buffer;
	ret->payload_bytes = w->in.header.bytes - sizeof(w->in.header);
	memset(&w->in, 0, sizeof(w->in));
	w->have = 0;
	w->messages_in++;
}

static int receive_until(struct user_wire *w, struct user_message *ret,
			 uint64_t deadline_ns)
{
	int rc;

	for (;;) {
		rc = receive_step(w);
		if (rc > 0) {
			hand_over(w, ret);
			return 0;
		}
		if (rc == -EAGAIN)
			rc = wait_for(w->fd, POLLIN, deadline_ns);
		if (rc)
			break;
	}
	memset(ret, 0, sizeof(*ret));
	ret->header = w->in.header;
	return rc;
}

int user_wire_receive(struct user_wire *w, struct user_message *ret,
		      int timeout_ms)
{
	/* A deadline that is past: nothing is waited for. */
	return receive_until(w, ret,
			     timeout_ms ? deadline_after(timeout_ms) : 0);
}

/* Is it the reply to @command with @id? A command goes to the handler: 0. */
static int sort_out(struct user_wire *w, struct user_message *m,
		    uint16_t command, uint16_t id)
{
	uint32_t type = m->header.flags & USER_TYPE_MASK;
	int rc = -EPROTO;

	if (type == USER_TYPE_REPLY && m->header.id == id &&
	    m->header.command == command)
		return 1;
	if (type == USER_TYPE_COMMAND && w->on_command)
		rc = w->on_command(w->ctx, w, m);
	user_message_close(m);
	return rc < 0 ? rc : 0;
}

int user_wire_await(struct user_wire *w, uint16_t command, uint16_t id,
		    struct user_message *ret_reply, int timeout_ms)
{
	uint64_t deadline = deadline_after(timeout_ms);
	int rc = 0;

	while (!rc) {
		rc = receive_until(w, ret_reply, deadline);
		if (!rc)
			rc = sort_out(w, ret_reply, command, id);
	}
	if (rc > 0)
		return 0;
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

int user_wire_call(struct user_wire *w, uint16_t command,
		   const struct user_payload *p, struct user_message *ret_reply,
		   int timeout_ms)
{
	struct user_header h = { .id = w->next_id++, .command = command };
	uint16_t id = h.id;
	int rc = user_wire_send(w, &h, p);

	return rc ? rc : user_wire_await(w, command, id, ret_reply, timeout_ms);
}

int user_wire_reply(struct user_wire *w, const struct user_header *request,
		    const struct user_payload *p)
{
	struct user_header h = { .id = request->id,
				 .command = request->command,
				 .flags = USER_TYPE_REPLY };

	if (request->flags & USER_FLAG_NO_REPLY)
		return 0;
	return user_wire_send(w, &h, p);
}

int user_wire_refuse(struct user_wire *w, const struct user_header *request,
		     uint32_t error)
{
	struct user_header h = { .id = request->id,
				 .command = request->command,
				 .flags = USER_TYPE_REPLY | USER_FLAG_ERROR,
				 .error = error };

	if (request->flags & USER_FLAG_NO_REPLY)
		return 0;
	return user_wire_send(w, &h, NULL);
}

int user_message_error(const struct user_message *m)
{
	if (!(m->header.flags & USER_FLAG_ERROR))
		return 0;
	if (!m->header.error || m->header.error > 4095)
		return -EIO;
	return -(int)m->header.error;
}

void user_message_close(struct user_message *m)
{
	while (m->nr_fds) {
		int fd = m->fds[--m->nr_fds];

		if (fd >= 0)
			close(fd);
	}
}

int user_message_take_fd(struct user_message *m, unsigned int i)
{
	int fd = -1;

	if (i < m->nr_fds) {
		fd = m->fds[i];
		m->fds[i] = -1;
	}
	return fd;
}
