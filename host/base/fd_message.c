/* SPDX-License-Identifier: MIT */
/* Descriptors over a UNIX socket. */
#include "base/fd_message.h"

#include <string.h>
#include <unistd.h>

void fd_message_attach(struct fd_message *m, struct msghdr *msg, const int *fds,
		       unsigned int nr)
{
	struct cmsghdr *head;

	memset(m, 0, sizeof(*m));
	msg->msg_control = m;
	msg->msg_controllen = CMSG_SPACE(nr * sizeof(int));
	head = CMSG_FIRSTHDR(msg);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(nr * sizeof(int));
	memcpy(CMSG_DATA(head), fds, nr * sizeof(int));
}

void fd_message_expect(struct fd_message *m, struct msghdr *msg,
		       unsigned int most)
{
	msg->msg_control = m;
	/* Not CMSG_SPACE(): its padding has room for one more. */
	msg->msg_controllen = CMSG_LEN(most * sizeof(int));
}

unsigned int fd_message_take(struct msghdr *msg, int *fds, unsigned int room)
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
