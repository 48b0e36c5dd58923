/* SPDX-License-Identifier: MIT */
/* A channel on a connected stream socket, UNIX or TCP. */
#include "migrate/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "migrate/channel_fds.h"
#include "migrate/zerocopy.h"

/*
 * Bytes that the kernel may hold between two processes on one machine. Larger
 * ones fall out of the CPU's cache between the copy in and the copy out,
 * smaller ones make the two sides wait for each other (tests/perf/migrate_loop
 * has the sizes to compare).
 */
#define UNIX_BUFFER_BYTES (512 * 1024)

struct socket_channel {
	struct channel base;
	int fd;
	struct zerocopy zerocopy;
};

static int socket_fd(const struct channel *ch)
{
	return ((const struct socket_channel *)ch)->fd;
}

static ssize_t socket_writev(struct channel *ch, const struct iovec *iov,
			     int nr_iov)
{
	struct msghdr msg = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)nr_iov,
	};
	ssize_t n;

	do
		n = sendmsg(socket_fd(ch), &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t socket_readv(struct channel *ch, const struct iovec *iov,
			    int nr_iov)
{
	struct msghdr msg = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)nr_iov,
	};
	ssize_t n;

	do
		n = recvmsg(socket_fd(ch), &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Only completions of what was sent? Takes them. */
static bool is_news(struct channel *ch, const struct pollfd *pfd)
{
	struct zerocopy *z = &((struct socket_channel *)ch)->zerocopy;

	return z->on && pfd->revents == POLLERR && zerocopy_reap(z, pfd->fd);
}

static int socket_zerocopy_enable(struct channel *ch)
{
	struct socket_channel *sock = (struct socket_channel *)ch;

	return zerocopy_enable(&sock->zerocopy, sock->fd);
}

static ssize_t socket_zerocopy_writev(struct channel *ch,
				      const struct iovec *iov, int nr_iov)
{
	struct socket_channel *sock = (struct socket_channel *)ch;
	const struct msghdr msg = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)nr_iov,
	};

	return zerocopy_send(&sock->zerocopy, sock->fd, &msg);
}

static int socket_zerocopy_settle(struct channel *ch, uint64_t *ret_copied)
{
	struct socket_channel *sock = (struct socket_channel *)ch;
	int rc = zerocopy_settle(&sock->zerocopy, sock->fd);

	*ret_copied = sock->zerocopy.copied;
	return rc;
}

static int socket_wait(struct channel *ch, uint64_t timeout_ns)
{
	uint64_t end_ns = clock_now_ns() + timeout_ns, now_ns;
	struct pollfd pfd = { .fd = socket_fd(ch), .events = POLLIN };
	struct timespec ts;
	int n;

	do {
		now_ns = clock_now_ns();
		timeout_ns = end_ns > now_ns ? end_ns - now_ns : 0;
		ts.tv_sec = (time_t)(timeout_ns / NSEC_PER_SEC);
		ts.tv_nsec = (long)(timeout_ns % NSEC_PER_SEC);
		n = ppoll(&pfd, 1, &ts, NULL);
	} while ((n < 0 && errno == EINTR) || (n == 1 && is_news(ch, &pfd)));
	return n != 0;
}

/* A UNIX socket says so of three quarters of its buffer, TCP of a third. */
static bool socket_has_room(struct channel *ch)
{
	struct pollfd pfd = { .fd = socket_fd(ch), .events = POLLOUT };

	return poll(&pfd, 1, 0) > 0;
}

static bool socket_gone(struct channel *ch)
{
	struct pollfd pfd = { .fd = socket_fd(ch), .events = POLLRDHUP };

	return poll(&pfd, 1, 0) > 0;
}

static void socket_stop_reading(struct channel *ch)
{
	shutdown(socket_fd(ch), SHUT_RD);
}

static void socket_shutdown(struct channel *ch)
{
	shutdown(socket_fd(ch), SHUT_RDWR);
}

static void socket_close(struct channel *ch)
{
	close(socket_fd(ch));
	free(ch);
}

static int send_fds(struct channel *ch, const int *fds, unsigned int nr)
{
	return socket_send_fds(socket_fd(ch), fds, nr);
}

static int recv_fds(struct channel *ch, int *fds, unsigned int room,
		    unsigned int *ret_nr)
{
	return socket_recv_fds(socket_fd(ch), fds, room, ret_nr);
}

static const struct channel_ops socket_ops = {
	.writev = socket_writev,
	.readv = socket_readv,
	.wait = socket_wait,
	.has_room = socket_has_room,
	.gone = socket_gone,
	.stop_reading = socket_stop_reading,
	.shutdown = socket_shutdown,
	.send_fds = send_fds,
	.recv_fds = recv_fds,
	.zerocopy_enable = socket_zerocopy_enable,
	.zerocopy_writev = socket_zerocopy_writev,
	.zerocopy_settle = socket_zerocopy_settle,
	.close = socket_close,
};

/* Best effort: root may go past the system's limit, others up to it. */
static void set_buffer(int fd, int forced, int plain)
{
	int bytes = UNIX_BUFFER_BYTES;

	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
}

/* TCP sizes its buffers by itself as long as nobody sets them. */
static void tune(int fd)
{
	int domain = 0, flags = fcntl(fd, F_GETFL);
	socklen_t bytes = sizeof(domain);

	if (flags >= 0 && (flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) ||
	    domain != AF_UNIX)
		return;
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
}

int channel_from_fd(int fd, struct channel **ret_channel)
{
	struct socket_channel *sock = calloc(1, sizeof(*sock));

	if (!sock)
		return -ENOMEM;
	sock->base.ops = &socket_ops;
	sock->fd = fd;
	tune(fd);
	*ret_channel = &sock->base;
	return 0;
}
