/* SPDX-License-Identifier: MIT */
/* Descriptors over a UNIX socket. */
#include "migrate/channel_fds.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "migrate/channel.h"

union control {
	struct cmsghdr head; /* for its alignment */
	uint8_t bytes[CMSG_SPACE(CHANNEL_MAX_FDS * sizeof(int))];
};

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
	union control control = { .bytes = { 0 } };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(nr * sizeof(int)),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	if (!nr || nr > CHANNEL_MAX_FDS)
		return -EINVAL;
	/* TCP would take the byte and forget the rest. */
	if (!is_unix(sock))
		return -EOPNOTSUPP;
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(head), fds, nr * sizeof(int));
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* All that a message brought, as far as there is room. */
static unsigned int take(struct msghdr *msg, int *fds, unsigned int room)
{
	unsigned int nr = 0;
	struct cmsghdr *head;

	for (head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
		size_t bytes = head->cmsg_len - CMSG_LEN(0), i;
		int fd;

		if (head->cmsg_level != SOL_SOCKET ||
		    head->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i + sizeof(fd) <= bytes; i += sizeof(fd)) {
			memcpy(&fd, CMSG_DATA(head) + i, sizeof(fd));
			if (nr < room)
				fds[nr++] = fd;
			else
				close(fd);
		}
	}
	return nr;
}

int socket_recv_fds(int sock, int *fds, unsigned int room, unsigned int *ret_nr)
{
	uint8_t byte;
	struct iovec iov = { &byte, 1 };
	union control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	unsigned int nr;
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return -ENODATA;
	nr = take(&msg, fds, room);
	if (msg.msg_flags & MSG_CTRUNC) {
		while (nr)
			close(fds[--nr]);
		return -EPROTO;
	}
	*ret_nr = nr;
	return 0;
}
