/* SPDX-License-Identifier: MIT */
/*
 * A QMP server: commands from a table, events from any thread.
 *
 * The wire is QEMU's: greeting, qmp_capabilities, {"execute", "arguments",
 * "id"} in, {"return"} or {"error"} and {"event"} lines out, ended by CR LF.
 * One thread calls qmp_server_run() and everything but events and stop happens
 * there: handlers never run at the same time, and need no locks among
 * themselves. Clients are hostile until checked: input, output and their
 * number are bounded, and no client can make the server wait.
 *
 * Source: QEMU 7.2, docs/interop/qmp-spec.txt.
 */
#ifndef VMFERRY_QMP_SERVER_H
#define VMFERRY_QMP_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define QMP_MAX_CLIENTS 16u
#define QMP_MAX_MESSAGE_BYTES (64u << 10) /* of one command */
#define QMP_MAX_DEPTH 64u /* of one command's nesting */
#define QMP_MAX_QUEUE_BYTES (1u << 20) /* unread output; then it is dropped */
#define QMP_MAX_FDS 8u /* named descriptors that one client may park */
#define QMP_FLUSH_MS 1000 /* how long a stopping server waits for readers */

struct qmp_server;
struct qmp_call; /* one command being run, and who sent it */

enum qmp_error_class {
	QMP_GENERIC_ERROR,
	QMP_COMMAND_NOT_FOUND,
	QMP_DEVICE_NOT_ACTIVE,
	QMP_DEVICE_NOT_FOUND,
	QMP_KVM_MISSING_CAP,
};

/*
 * What a failed handler tells the client. A handler may hand &err->desc to
 * whatever it calls; an empty sentence becomes the text of the errno.
 */
struct qmp_error {
	enum qmp_error_class kind;
	struct error desc;
};

enum qmp_arg_type {
	QMP_ARG_STRING,
	QMP_ARG_INT, /* any integer that fits in int64_t */
	QMP_ARG_SIZE, /* an integer >= 0 */
	QMP_ARG_BOOL,
	QMP_ARG_OBJECT,
	QMP_ARG_ARRAY,
};

struct qmp_arg {
	const char *name;
	enum qmp_arg_type type;
	bool optional;
};

/**
 * qmp_handler - run one command, in the thread of qmp_server_run().
 * @ctx: qmp_server_params.ctx.
 * @call: valid until the handler returns.
 * @args: an object (never NULL) that fits the command's table: all names are
 *        known, what is not optional is there, types are right. Borrowed.
 * @ret_value: set it to a new reference to return something; left alone, the
 *             client gets {}.
 * @err: zeroed; see struct qmp_error.
 *
 * Events that it emits reach the clients before its reply.
 * Return: 0 or -errno (then @ret_value is ignored, and released if set).
 */
typedef int (*qmp_handler)(void *ctx, struct qmp_call *call, json_t *args,
			   json_t **ret_value, struct qmp_error *err);

struct qmp_command {
	const char *name;
	qmp_handler handler;
	const struct qmp_arg *args; /* ended by a NULL name; NULL = none */
};

/*
 * Built in, and not to be in the table: qmp_capabilities, query-commands,
 * query-version, getfd, closefd.
 */
struct qmp_server_params {
	const struct qmp_command *commands; /* ended by a NULL name; borrowed */
	void *ctx; /* for the handlers */
	int major, minor, micro; /* version, as tools expect it of QEMU */
	const char *package; /* "vmferry 0.1.0"; copied */
};

/* 0, -ENOMEM or what eventfd(2) said. */
int qmp_server_create(const struct qmp_server_params *params,
		      struct qmp_server **ret_server);
/* After qmp_server_run() returned. Closes its clients and listeners. */
void qmp_server_destroy(struct qmp_server *srv);

/**
 * qmp_server_listen() - accept clients on @listen_fd from now on.
 * @listen_fd: a listening stream socket; the server's on success (made
 *             non-blocking, closed on destroy), the caller's on failure.
 *
 * May be called for several sockets. A client past QMP_MAX_CLIENTS gets an
 * error line instead of a greeting, and is closed.
 *
 * Context: before qmp_server_run(), or its thread.
 * Return: 0, -ENOMEM, or what fcntl(2) said.
 */
int qmp_server_listen(struct qmp_server *srv, int listen_fd);

/**
 * qmp_server_add_client() - serve a connected socket, as if just accepted.
 *
 * Ownership and context as qmp_server_listen(). -EMFILE: too many clients.
 */
int qmp_server_add_client(struct qmp_server *srv, int fd);

/* @revents: as poll(2) gave them. In the thread of qmp_server_run(). */
typedef void (*qmp_fd_callback)(void *ctx, int fd, short revents);

/**
 * qmp_server_add_fd() - watch a descriptor in the server's loop.
 * @fd: stays the caller's; not being watched yet.
 * @events: POLLIN, POLLOUT; POLLERR and POLLHUP come unasked: remove the
 *          descriptor then, or the loop spins.
 *
 * Context: before qmp_server_run(), or its thread (callbacks and handlers too,
 * for any descriptor).
 * Return: 0, -EEXIST or -ENOMEM.
 */
int qmp_server_add_fd(struct qmp_server *srv, int fd, short events,
		      qmp_fd_callback callback, void *ctx);
/* Other events from now on. 0 or -ENOENT. Context: as above. */
int qmp_server_modify_fd(struct qmp_server *srv, int fd, short events);
/* No callback comes after it. Unwatched is fine. Context: as above. */
void qmp_server_remove_fd(struct qmp_server *srv, int fd);

/**
 * qmp_server_run() - serve until qmp_server_stop().
 *
 * On stop, what is queued for the clients is still written, for at most
 * QMP_FLUSH_MS.
 * Return: 0, or what poll(2) said.
 */
int qmp_server_run(struct qmp_server *srv);
/* Any thread, any time, also a signal handler. Stays: run() returns at once. */
void qmp_server_stop(struct qmp_server *srv);

/**
 * qmp_server_event() - tell every client that has negotiated.
 * @name: "STOP".
 * @data: an object, or NULL for none; taken over, also on failure.
 *        No other thread may hold a reference: jansson does not stand that.
 *
 * The timestamp is that of the call.
 * Context: any thread. Never blocks on a client.
 * Return: 0, -ENOMEM, -EINVAL for data that is no JSON, or -ENOBUFS when
 * the loop has fallen 1024 events behind.
 */
int qmp_server_event(struct qmp_server *srv, const char *name, json_t *data);

/**
 * qmp_call_take_fd() - the descriptor that this client parked with getfd.
 *
 * Return: the descriptor, the caller's from now on, or -ENOENT.
 */
int qmp_call_take_fd(struct qmp_call *call, const char *name);

/* For handlers: `return qmp_error_set(err, -EBUSY, "...")`. Returns @errnum. */
int qmp_error_set(struct qmp_error *err, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
