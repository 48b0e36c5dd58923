/* SPDX-License-Identifier: MIT */
/* A relayed connection's life: dialling, open, its ends passed on. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/address.h"
#include "base/clock.h"
#include "drive/relay_internal.h"

/* Fewer wake-ups than with the usual 208 KiB, and still cached. */
#define UNIX_BUFFER_BYTES (512 * 1024)
#define DIAL_RETRY_NS NSEC_PER_MSEC
#define LOOK_AGAIN_NS (NSEC_PER_MSEC / 2)
/* How long bytes may take to arrive before a reset that would discard them. */
#define DELIVER_NS NSEC_PER_SEC

static int watch(struct relay *r, struct relay_end *end)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = end,
	};

	return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, end->fd, &event) ? -errno
								      : 0;
}

/* Bytes that the far kernel of a TCP socket has not acknowledged. */
static unsigned int unacked_bytes(const struct relay_end *end)
{
	int bytes = 0;

	if (end->fd < 0 || !end->tcp || ioctl(end->fd, SIOCOUTQ, &bytes))
		return 0;
	return bytes > 0 ? (unsigned int)bytes : 0;
}

static bool is_tcp(int fd)
{
	int domain = AF_UNIX;
	socklen_t bytes = sizeof(domain);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes);
	return domain != AF_UNIX;
}

void relay_reset_on_close(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	if (is_tcp(fd))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void close_end(struct relay_end *end, bool reset)
{
	if (end->fd < 0)
		return;
	if (reset)
		relay_reset_on_close(end->fd);
	close(end->fd);
	end->fd = -1;
}

void relay_connection_free(struct relay *r, struct relay_connection_state *c)
{
	relay_lane_exit(r, &c->forward);
	relay_lane_exit(r, &c->backward);
	close_end(&c->near, true);
	close_end(&c->far, true);
	free(c);
}

static void finish(struct relay *r, struct relay_connection_state *c)
{
	c->phase = RELAY_CLOSED;
	c->count->closed_ns = clock_now_ns();
	r->nr_open--;
}

/*
 * Resets @end once all that was sent to it has arrived: a reset discards what
 * the kernel still holds for it. Who takes nothing gets an orderly end behind
 * the bytes instead. Return: is it closed?
 */
static bool reset_end(struct relay *r, struct relay_connection_state *c,
		      struct relay_end *end, _Atomic uint64_t *ret_unacked)
{
	unsigned int unacked;

	if (end->fd < 0)
		return true;
	unacked = unacked_bytes(end);
	/* Already reset by its peer: nothing more will be acknowledged. */
	if (end->error || end->hup)
		*ret_unacked = unacked;
	else if (unacked && r->now_ns < c->give_up_ns) {
		relay_due(r, r->now_ns + LOOK_AGAIN_NS);
		return false;
	}
	close_end(end, !unacked || end->error || end->hup);
	return true;
}

void relay_connection_lose(struct relay *r, struct relay_connection_state *c,
			   int error)
{
	bool dialling = c->phase == RELAY_DIALLING;

	if (c->phase >= RELAY_LOST)
		return;
	c->phase = RELAY_LOST;
	c->count->error = error;
	c->give_up_ns = r->now_ns + DELIVER_NS;
	r->nr_unreached += dialling;
	relay_lane_exit(r, &c->forward);
	relay_lane_exit(r, &c->backward);
}

static void lost_turn(struct relay *r, struct relay_connection_state *c)
{
	bool near = reset_end(r, c, &c->near, &c->count->unacked[1]);
	bool far = reset_end(r, c, &c->far, &c->count->unacked[0]);

	if (near && far)
		finish(r, c);
}

static void grow_send_buffer(const struct relay_end *end)
{
	int bytes = UNIX_BUFFER_BYTES;

	/* TCP's grows by itself, until somebody sets it. */
	if (!end->tcp)
		setsockopt(end->fd, SOL_SOCKET, SO_SNDBUF, &bytes,
			   sizeof(bytes));
}

/*
 * The source's own connection has the congestion control that the host is set
 * to; a second one of the kind that paces (BBR) on the way from here would only
 * be the relay's own brake, and twice its CPU time. Every kernel allows reno.
 */
static void tune_tcp(int fd)
{
	static const char congestion[] = "reno";
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
		   sizeof(congestion) - 1);
}

static void dialled(struct relay *r, struct relay_connection_state *c)
{
	c->far.tcp = is_tcp(c->far.fd);
	if (c->far.tcp)
		tune_tcp(c->far.fd);
	grow_send_buffer(&c->far);
	c->far.can_read = c->far.can_write = true;
	c->phase = RELAY_OPEN;
	c->give_up_ns = 0;
}

/* 0 connected, -EINPROGRESS, -EAGAIN (the backlog is full), or why not. */
static int dial(struct relay *r, struct relay_connection_state *c)
{
	socklen_t bytes = sizeof(int);
	int error = 0, rc;

	if (c->far.fd < 0 && r->now_ns < c->retry_ns)
		return -EAGAIN;
	if (c->far.fd < 0) {
		c->retry_ns = r->now_ns + DIAL_RETRY_NS;
		rc = address_connect_start(r->target, &c->far.fd);
		return c->far.fd >= 0 && watch(r, &c->far) ? -ENOMEM : rc;
	}
	/* Decided? Then epoll has said that it is writable. */
	if (!c->far.can_write)
		return -EINPROGRESS;
	if (getsockopt(c->far.fd, SOL_SOCKET, SO_ERROR, &error, &bytes))
		return -errno;
	return -error;
}

static void dial_turn(struct relay *r, struct relay_connection_state *c)
{
	int rc = dial(r, c);
	bool undecided = rc == -EAGAIN || rc == -EINPROGRESS;

	if (undecided && r->now_ns < c->give_up_ns) {
		relay_due(r, rc == -EAGAIN ? c->retry_ns : c->give_up_ns);
		return;
	}
	if (!rc)
		dialled(r, c);
	else
		relay_connection_lose(r, c, undecided ? -ETIMEDOUT : rc);
	/* Whoever waited for this one to be decided comes next. */
	r->can_accept = true;
	relay_due(r, 0);
}

/* The peer of .to is gone, and all that it had said has been passed on. */
static bool is_hopeless(const struct relay_lane *lane,
			const struct relay_lane *other)
{
	return !lane->finished && lane->to->hup && other->finished;
}

static int open_error(const struct relay_connection_state *c)
{
	const struct relay_lane *f = &c->forward, *b = &c->backward;

	if (f->finished && f->error)
		return f->error;
	if (b->finished && b->error)
		return b->error;
	if (is_hopeless(f, b) || is_hopeless(b, f))
		return -EPIPE;
	if (f->finished && b->finished)
		return c->far.error ? c->far.error : c->near.error;
	return 0;
}

static void open_turn(struct relay *r, struct relay_connection_state *c)
{
	int error;

	relay_lane_pump(r, &c->forward);
	relay_lane_pump(r, &c->backward);
	/* Who is lost is known to the other within a second, whatever of the
	 * bytes before the loss it will not take. */
	if ((c->far.error || c->near.error) && !c->give_up_ns)
		c->give_up_ns = r->now_ns + r->delay_ns + DELIVER_NS;
	error = open_error(c);
	if (!error && c->give_up_ns) {
		relay_due(r, c->give_up_ns);
		if (r->now_ns >= c->give_up_ns)
			error = c->far.error ? c->far.error : c->near.error;
	}
	if (error) {
		relay_connection_lose(r, c, error);
		relay_due(r, 0);
	} else if (c->forward.finished && c->backward.finished) {
		close_end(&c->near, false);
		close_end(&c->far, false);
		finish(r, c);
	}
}

void relay_connection_turn(struct relay *r, struct relay_connection_state *c)
{
	switch (c->phase) {
	case RELAY_DIALLING:
		dial_turn(r, c);
		break;
	case RELAY_OPEN:
		open_turn(r, c);
		break;
	case RELAY_LOST:
		lost_turn(r, c);
		break;
	case RELAY_CLOSED:
		break;
	}
}

static void init_near(struct relay_end *near, int fd)
{
	near->fd = fd;
	near->tcp = is_tcp(fd);
	if (near->tcp)
		tune_tcp(fd);
	grow_send_buffer(near);
	near->can_read = near->can_write = true;
}

static int init_lanes(struct relay_connection_state *c)
{
	int rc = relay_lane_init(&c->forward, &c->near, &c->far);

	return rc ? rc : relay_lane_init(&c->backward, &c->far, &c->near);
}

static struct relay_connection_state *new_connection(int near_fd)
{
	struct relay_connection_state *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->near.connection = c->far.connection = c;
	c->far.fd = -1;
	init_near(&c->near, near_fd);
	c->forward.pipe[0] = c->backward.pipe[0] = -1;
	c->forward.forward = true;
	return c;
}

int relay_connection_open(struct relay *r, int near_fd)
{
	struct relay_connection_state *c = new_connection(near_fd);
	int rc;

	if (!c)
		return -ENOMEM;
	rc = init_lanes(c);
	if (!rc)
		rc = watch(r, &c->near);
	c->count = rc ? NULL : relay_count_new(r);
	if (!c->count) {
		c->near.fd = -1; /* stays the caller's */
		relay_connection_free(r, c);
		return rc ? rc : -ENOMEM;
	}
	c->count->opened_ns = clock_now_ns();
	c->forward.count = &c->count->forward;
	c->backward.count = &c->count->backward;
	c->give_up_ns = r->now_ns + r->params.connect_timeout_ns;
	c->next = r->connections;
	r->connections = c;
	r->nr_connections++;
	r->nr_open++;
	return 0;
}
