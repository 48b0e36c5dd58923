/* SPDX-License-Identifier: MIT */
/* MSG_ZEROCOPY and its completions. */
#include "migrate/zerocopy.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

/* The kernel's own number for "this kind of socket cannot". */
#define KERNEL_ENOTSUPP 524

int zerocopy_enable(struct zerocopy *z, int fd)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return errno == KERNEL_ENOTSUPP ? -EOPNOTSUPP : -errno;
	z->on = true;
	return 0;
}

ssize_t zerocopy_send(struct zerocopy *z, int fd, const struct msghdr *msg)
{
	ssize_t n;

	do
		n = sendmsg(fd, msg, MSG_NOSIGNAL | MSG_ZEROCOPY);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	z->sent++;
	return n;
}

/* One message tells of a range of calls, both ends included. */
static uint32_t take(struct zerocopy *z, struct msghdr *msg)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(msg);
	struct sock_extended_err e;
	uint32_t nr;

	if (!head || head->cmsg_len < CMSG_LEN(sizeof(e)) ||
	    !((head->cmsg_level == SOL_IP && head->cmsg_type == IP_RECVERR) ||
	      (head->cmsg_level == SOL_IPV6 &&
	       head->cmsg_type == IPV6_RECVERR)))
		return 0;
	memcpy(&e, CMSG_DATA(head), sizeof(e));
	if (e.ee_origin != SO_EE_ORIGIN_ZEROCOPY || e.ee_errno)
		return 0;
	nr = e.ee_data - e.ee_info + 1;
	z->done += nr;
	if (e.ee_code & SO_EE_CODE_ZEROCOPY_COPIED)
		z->copied += nr;
	return nr;
}

uint32_t zerocopy_reap(struct zerocopy *z, int fd)
{
	union {
		struct cmsghdr head; /* for its alignment */
		uint8_t bytes[128];
	} control;
	uint32_t nr = 0;

	for (;;) {
		struct msghdr msg = {
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};

		if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
			nr += take(z, &msg);
		else if (errno != EINTR)
			return nr;
	}
}

/* Nothing came: is that for ever? */
static int await(int fd)
{
	struct pollfd pfd = { .fd = fd }; /* errors are always told */
	socklen_t bytes = sizeof(int);
	int error = 0;

	if (poll(&pfd, 1, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (pfd.revents & POLLERR)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
	return -error;
}

int zerocopy_settle(struct zerocopy *z, int fd)
{
	struct pollfd pfd = { .fd = fd };
	int rc = 0;

	while (!rc && z->done != z->sent) {
		if (zerocopy_reap(z, fd))
			continue;
		/* Shut down on both sides, and the queue was empty since. */
		if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP) &&
		    !zerocopy_reap(z, fd))
			rc = -EPIPE;
		else
			rc = await(fd);
	}
	return rc;
}
