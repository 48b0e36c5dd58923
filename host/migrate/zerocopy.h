/* SPDX-License-Identifier: MIT */
/*
 * MSG_ZEROCOPY on a stream socket: the kernel sends from our pages, and tells
 * through the socket's error queue when it has let go of them.
 *
 * Source: Documentation/networking/msg_zerocopy.rst.
 */
#ifndef VMFERRY_MIGRATE_ZEROCOPY_H
#define VMFERRY_MIGRATE_ZEROCOPY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct zerocopy {
	bool on;
	uint32_t sent, done; /* calls; they wrap around */
	uint64_t copied; /* calls whose bytes the kernel copied after all */
};

/* Return: 0; -EOPNOTSUPP for a socket that cannot (UNIX); or -errno. */
int zerocopy_enable(struct zerocopy *z, int fd);

/* As sendmsg(). -ENOBUFS: too much is under way, or too little may be pinned;
 * nothing was sent. */
ssize_t zerocopy_send(struct zerocopy *z, int fd, const struct msghdr *msg);

/* Takes what completions there are; does not wait. Return: how many. */
uint32_t zerocopy_reap(struct zerocopy *z, int fd);

/**
 * zerocopy_settle() - wait until the kernel has let go of all that was sent.
 *
 * Over TCP: until the peer's kernel has acknowledged it.
 * Return: 0, -EPIPE if the connection ended before, or its error.
 */
int zerocopy_settle(struct zerocopy *z, int fd);

#endif
