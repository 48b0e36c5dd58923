/* SPDX-License-Identifier: MIT */
/*
 * One client of the server: bytes in, messages out, descriptors parked.
 *
 * Nothing here blocks. A connection that is over only says so (conn_is_over);
 * the server frees it when nobody is using it any more.
 */
#ifndef VMFERRY_QMP_CONN_H
#define VMFERRY_QMP_CONN_H

#include <stdbool.h>

#include "qmp/framer.h"
#include "qmp/loop.h"
#include "qmp/server.h"

struct conn;

/* A complete message, or (@bad not NULL) why there is none. */
typedef void (*conn_message_cb)(void *ctx, struct conn *conn, const char *text,
				size_t bytes, const char *bad);

struct conn_named_fd {
	char *name;
	int fd;
};

struct conn {
	struct loop *loop;
	conn_message_cb on_message;
	void *ctx;
	int fd;
	bool negotiated; /* qmp_capabilities done */
	bool closing; /* reads no more; over when all is written */
	bool over;
	struct framer in;
	struct buf out; /* out.data[out_at..] is not written yet */
	size_t out_at;
	int came[QMP_MAX_FDS]; /* descriptors of the last message to have any */
	size_t nr_came;
	struct conn_named_fd named[QMP_MAX_FDS];
	size_t nr_named;
};

/* @fd: non-blocking; the connection's on success. */
int conn_create(struct loop *loop, int fd, conn_message_cb on_message,
		void *ctx, struct conn **ret_conn);
void conn_destroy(struct conn *c);

/*
 * Writes a copy of @line, or queues it; past QMP_MAX_QUEUE_BYTES the
 * connection is over. NULL (there was no memory for it) too.
 */
void conn_send(struct conn *c, const char *line);
/* Writes what the socket takes. */
void conn_flush(struct conn *c);
/* It is over now, whatever is queued. */
void conn_abort(struct conn *c);
/* No more input; over as soon as the output is written. */
void conn_close(struct conn *c);
bool conn_has_output(const struct conn *c);

/* The first descriptor that came with the message, or -ENOENT. */
int conn_claim_fd(struct conn *c);
/* Parks @fd (the connection's in any case); one of that name is closed. */
int conn_name_fd(struct conn *c, const char *name, int fd);
/* Gives it away, or -ENOENT. */
int conn_take_fd(struct conn *c, const char *name);

#endif
