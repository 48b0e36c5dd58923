/* SPDX-License-Identifier: MIT */
/* Descriptors over a UNIX socket. */
#include "migrate/channel_fds.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd_message.h"
#include "migrate/channel.h"

_Static_assert(CHANNEL_MAX_FDS <= FD_MESSAGE_MAX, "they fit");

static void count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

int channel_send_fds(struct channel *ch, const int *fds, unsigned int nr)
{
	int rc = ch->ops->send_fds ? ch->ops->send_fds(ch, fds, nr)
				   : -EOPNOTSUPP;

	if (!rc)
		count(&ch->bytes_out);
	return rc;
}

int channel_recv_fds(struct channel *ch, int *fds, unsigned int *ret_nr)
{
	int rc = ch->ops->recv_fds
			 ? ch->ops->recv_fds(ch, fds, CHANNEL_MAX_FDS, ret_nr)
			 : -EOPNOTSUPP;

	if (!rc)
		count(&ch->bytes_in);
	return rc;
}

static bool is_unix(int sock)
{
	socklen_t bytes = sizeof(int);
	int domain = 0;

	return !getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) &&
	       domain == AF_UNIX;
}

int socket_send_fds(int sock, const int *fds, unsigned int nr)
{
	uint8_t byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct fd_message with;
	ssize_t n;

	if (!nr || nr > CHANNEL_MAX_FDS)
		return -EINVAL;
	/* TCP would take the byte and forget the rest. */
	if (!is_unix(sock))
		return -EOPNOTSUPP;
	fd_message_attach(&with, &msg, fds, nr);
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int socket_recv_fds(int sock, int *fds, unsigned int room, unsigned int *ret_nr)
{
	uint8_t byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct fd_message with;
	unsigned int nr;
	ssize_t n;

	fd_message_expect(&with, &msg, CHANNEL_MAX_FDS);
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return -ENODATA;
	nr = fd_message_take(&msg, fds, room);
	if (msg.msg_flags & MSG_CTRUNC) {
		while (nr)
			close(fds[--nr]);
		return -EPROTO;
	}
	*ret_nr = nr;
	return 0;
}
