/* SPDX-License-Identifier: MIT */
/*
 * A byte stream to the peer: socket, file, or memory in tests.
 */
#ifndef VMFERRY_MIGRATE_CHANNEL_H
#define VMFERRY_MIGRATE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"

struct channel;

/**
 * struct channel_ops - one kind of channel.
 *
 * Blocking. Short counts are allowed in both directions.
 */
struct channel_ops {
	/* Return: bytes taken, at least 1, or -errno (-EPIPE: peer gone).
	 * One of the two may be NULL: writev, where a write comes from one
	 * place (pages then go through a buffer), or write. */
	ssize_t (*write)(struct channel *ch, const void *data, size_t bytes);
	ssize_t (*writev)(struct channel *ch, const struct iovec *iov,
			  int nr_iov);
	/* Return: bytes got, 0 at the end of the stream, or -errno. */
	ssize_t (*readv)(struct channel *ch, const struct iovec *iov,
			 int nr_iov);
	/*
	 * May be NULL. Waits until readv would not block: bytes are there, or
	 * the end, or shutdown() was called. Return: 1, or 0 after
	 * @timeout_ns.
	 */
	int (*wait)(struct channel *ch, uint64_t timeout_ns);
	/* May be NULL. Would a write of some 100 KiB not block? */
	bool (*has_room)(struct channel *ch);
	/* May be NULL. Has the peer closed its end, whatever is unread? */
	bool (*gone)(struct channel *ch);
	/* From any thread: reads find the end from now on; writes go on. */
	/* May be NULL: then it is as shutdown(). */
	void (*stop_reading)(struct channel *ch);
	/* Wakes both directions from any thread; they fail from now on. */
	void (*shutdown)(struct channel *ch);
	/*
	 * One-way channels only. All has been written: make it last; or all
	 * has been read: is that the end? 0 or -errno.
	 */
	int (*finish)(struct channel *ch);
	/* May be NULL. What was written is valid from now on; on failure it
	 * isn't. 0 or -errno. */
	int (*publish)(struct channel *ch);
	/* May be NULL: the sentence for @rc, which it returned. */
	void (*explain)(struct channel *ch, int rc, struct error *err);
	/* May be NULL: then descriptors cannot pass. One byte that carries
	 * them; -EOPNOTSUPP over a socket of another kind than UNIX. */
	int (*send_fds)(struct channel *ch, const int *fds, unsigned int nr);
	int (*recv_fds)(struct channel *ch, int *fds, unsigned int room,
			unsigned int *ret_nr);
	/* May be NULL: nothing goes out without a copy. See zerocopy.h; writev
	 * returns -ENOBUFS when it should settle first. */
	int (*zerocopy_enable)(struct channel *ch);
	ssize_t (*zerocopy_writev)(struct channel *ch, const struct iovec *iov,
				   int nr_iov);
	/* @ret_copied: calls of all so far that were copied after all. */
	int (*zerocopy_settle)(struct channel *ch, uint64_t *ret_copied);
	/* Frees the channel; what was not published is removed. */
	void (*close)(struct channel *ch);
};

/* Embedded by each kind as its first member. */
struct channel {
	const struct channel_ops *ops;
	bool one_way; /* nobody answers: a file */
	uint64_t bytes_out; /* accepted by the transport; read racily */
	uint64_t bytes_in;
};

/**
 * channel_from_fd() - a channel on a connected stream socket.
 * @fd: owned by the channel on success, still the caller's on failure.
 *
 * Makes the socket blocking, and sizes the buffers of a UNIX socket.
 *
 * Return: 0 or -ENOMEM.
 */
int channel_from_fd(int fd, struct channel **ret_channel);

/**
 * channel_open_file() - a one-way channel into or out of a file.
 * @out: write; without a name until it is published. An older snapshot of that
 *	name is there until then, and replaced; another file is not.
 *
 * Return: 0, -EISDIR, -EINVAL for what is no regular file, -EEXIST for one that
 * is not replaced, or -errno; with a sentence.
 */
int channel_open_file(const char *path, bool out, struct channel **ret_channel,
		      struct error *err);
/* Would that one replace what has the name @path now (nothing, an older
 * snapshot, an empty file)? 0, or one of its errors. */
int channel_may_replace(const char *path);
/**
 * channel_from_file() - the same on an open regular file, where it stands.
 * @fd: owned by the channel on success, still the caller's on failure.
 */
int channel_from_file(int fd, bool out, struct channel **ret_channel);

/**
 * channel_pair() - two ends of a bounded in-memory pipe in both directions.
 * @capacity: bytes each direction buffers before writev blocks.
 */
int channel_pair(size_t capacity, struct channel **ret_a,
		 struct channel **ret_b);

/* All of @iov (modified on the way), or -errno. */
int channel_write_all(struct channel *ch, struct iovec *iov, int nr_iov);

/* How to write, and what it took. */
struct channel_writes {
	unsigned int max_iov; /* entries of a call at most; 0 = the kernel's */
	bool zerocopy; /* without a copy; after channel_zerocopy_enable() */
	uint64_t writes, iovecs; /* calls, and their entries: added to */
	uint64_t zerocopy_writes; /* calls that did without */
};

/* As channel_write_all(). With zerocopy, what @iov points to is the kernel's
 * until channel_zerocopy_settle(). */
int channel_write_counted(struct channel *ch, struct iovec *iov, int nr_iov,
			  struct channel_writes *w);

/* 0, -EOPNOTSUPP if this kind of channel cannot, or -errno. */
int channel_zerocopy_enable(struct channel *ch);
/* Waits; @ret_copied as in channel_ops. 0 or -errno of the channel. */
int channel_zerocopy_settle(struct channel *ch, uint64_t *ret_copied);

/* All of @iov (modified on the way); -ENODATA if the stream ends, or -errno. */
int channel_readv_all(struct channel *ch, struct iovec *iov, int nr_iov);

/* Exactly @bytes; -ENODATA if the stream ends before that, or -errno. */
int channel_read_all(struct channel *ch, void *data, size_t bytes);

/* The same, but -ETIMEDOUT once @deadline_ns (CLOCK_MONOTONIC) is over. */
int channel_read_until(struct channel *ch, void *data, size_t bytes,
		       uint64_t deadline_ns);

/**
 * channel_wait() - sleep until there is something to read.
 *
 * Return: 1 if a read would not block (bytes, the end, or shut down), 0 after
 * @timeout_ns; always the latter for a kind of channel that cannot tell.
 */
int channel_wait(struct channel *ch, uint64_t timeout_ns);

/* Has the peer closed its end, or have we? There may be bytes to read. False
 * for a kind of channel that cannot tell. */
bool channel_gone(struct channel *ch);

/* Would a write of some 100 KiB go on at once? True for a kind of channel that
 * cannot tell. */
bool channel_has_room(struct channel *ch);

#define CHANNEL_MAX_FDS 16u

/**
 * channel_send_fds() - pass descriptors to the peer, with one byte.
 * @nr: 1..CHANNEL_MAX_FDS; they stay the caller's.
 *
 * Return: 0; -EOPNOTSUPP for a channel that carries bytes only; or -errno.
 */
int channel_send_fds(struct channel *ch, const int *fds, unsigned int nr);

/**
 * channel_recv_fds() - the other side of it.
 * @fds: room for CHANNEL_MAX_FDS; the caller's on success, close-on-exec.
 *
 * Return: 0, also with none (*@ret_nr is 0); -ENODATA at the end of the
 * stream; -EPROTO if there were more than have room; or -errno.
 */
int channel_recv_fds(struct channel *ch, int *fds, unsigned int *ret_nr);

/* Bytes so far, by any thread. */
uint64_t channel_bytes_out(const struct channel *ch);
uint64_t channel_bytes_in(const struct channel *ch);

void channel_stop_reading(struct channel *ch);
void channel_shutdown(struct channel *ch);
void channel_close(struct channel *ch);

#endif
