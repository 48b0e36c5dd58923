/* SPDX-License-Identifier: MIT */
/* Descriptors that travel with a message over a UNIX socket (SCM_RIGHTS). */
#ifndef VMFERRY_BASE_FD_MESSAGE_H
#define VMFERRY_BASE_FD_MESSAGE_H

#include <stdint.h>
#include <sys/socket.h>

#define FD_MESSAGE_MAX 16u

/* Must outlive the sendmsg() or recvmsg() that it is for. */
struct fd_message {
	union {
		struct cmsghdr head; /* for its alignment */
		uint8_t bytes[CMSG_SPACE(FD_MESSAGE_MAX * sizeof(int))];
	};
};

/* Has @msg carry @fds with its first byte; @nr: 1 to FD_MESSAGE_MAX. */
void fd_message_attach(struct fd_message *m, struct msghdr *msg, const int *fds,
		       unsigned int nr);

/**
 * fd_message_expect() - room in @msg for descriptors that may come with it.
 * @most: up to FD_MESSAGE_MAX; the kernel closes more, and says MSG_CTRUNC.
 */
void fd_message_expect(struct fd_message *m, struct msghdr *msg,
		       unsigned int most);

/**
 * fd_message_take() - those that came with a message received.
 * @fds: the caller's to close, as many as returned.
 * @room: what is beyond is closed.
 */
unsigned int fd_message_take(struct msghdr *msg, int *fds, unsigned int room);

#endif
