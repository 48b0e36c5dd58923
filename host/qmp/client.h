/* SPDX-License-Identifier: MIT */
/*
 * A QMP client, for QEMU and for the mini VMM.
 *
 * A thread of its own reads the connection, so that each event is stamped when
 * it arrives and not when somebody looks. Nothing that the server sends is
 * trusted: anything but QMP ends the connection with -EPROTO.
 */
#ifndef VMFERRY_QMP_CLIENT_H
#define VMFERRY_QMP_CLIENT_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define QMP_CLIENT_MAX_MESSAGE_BYTES (8u << 20) /* query-qmp-schema: 0.3 M */
#define QMP_CLIENT_MAX_EVENTS 4096u /* unfetched; then the oldest goes */

struct qmp_client;

struct qmp_event {
	json_t *message; /* owns the rest */
	const char *name; /* "STOP" */
	json_t *data; /* an object or NULL */
	uint64_t arrived_ns; /* CLOCK_MONOTONIC */
	int64_t sent_us; /* its timestamp, CLOCK_REALTIME; -1 = none */
};

/* Releases what qmp_client_wait_event() gave. All zero is fine. */
void qmp_event_exit(struct qmp_event *event);

/**
 * qmp_client_connect() - read the greeting and negotiate.
 * @fd: a connected stream socket; the client's in any case: closed on failure.
 * @timeout_ms: for all of it; -1 = for ever.
 * @err: the sentence on failure; may be NULL.
 *
 * Return: 0, -ETIMEDOUT, -EPROTO (no QMP server), -ENODATA (it hung up), or
 * what the server's refusal means (see qmp_client_execute()).
 */
int qmp_client_connect(int fd, int timeout_ms, struct qmp_client **ret_client,
		       struct error *err);
/*
 * Ends the connection; no callback comes after it. NULL is fine. Not to be
 * called from the callback, nor while another thread uses the client.
 */
void qmp_client_destroy(struct qmp_client *client);

/**
 * qmp_client_execute() - run one command and wait for its reply.
 * @args: an object, taken over in any case, or NULL.
 * @timeout_ms: -1 = for ever. After -ETIMEDOUT the command may still be
 *              carried out; its late reply is ignored.
 * @ret_value: a new reference to what it returned; may be NULL.
 * @err: the sentence on failure: for a refused command the server's own desc;
 *       may be NULL.
 *
 * Context: any thread but the event callback; threads take turns.
 * Return: 0, -ETIMEDOUT, -ENODATA (the peer went away), -EPROTO (garbage),
 * -EINVAL (@args cannot be JSON), -ENOSYS for the server's CommandNotFound,
 * -EREMOTEIO for any other refusal.
 */
int qmp_client_execute(struct qmp_client *client, const char *command,
		       json_t *args, int timeout_ms, json_t **ret_value,
		       struct error *err);

/* getfd: hands over a copy of @fd as @name. Otherwise qmp_client_execute(). */
int qmp_client_send_fd(struct qmp_client *client, int fd, const char *name,
		       int timeout_ms, struct error *err);

/* Called in the reader thread for each event, which is borrowed. */
typedef void (*qmp_event_cb)(void *ctx, const struct qmp_event *event);
/*
 * From now on, instead of any earlier one; NULL = none. When it returns, the
 * earlier one runs no more. Events go to the queue as well. Not to be called
 * from the callback itself.
 */
void qmp_client_set_event_cb(struct qmp_client *client, qmp_event_cb cb,
			     void *ctx);

/**
 * qmp_client_wait_event() - take the oldest unfetched event, or wait for one.
 * @name: only this one (others stay queued), or NULL for any.
 * @deadline_ns: CLOCK_MONOTONIC; 0 = don't wait.
 * @ret_event: release it with qmp_event_exit(); untouched on failure.
 *
 * Return: 0, -ETIMEDOUT, or -ENODATA or -EPROTO when none is queued and the
 * connection has ended.
 */
int qmp_client_wait_event(struct qmp_client *client, const char *name,
			  uint64_t deadline_ns, struct qmp_event *ret_event);
/* Forgets all unfetched events. */
void qmp_client_drain_events(struct qmp_client *client);
/* Events lost because nobody fetched them. */
uint64_t qmp_client_dropped_events(struct qmp_client *client);

/* 0 while the connection stands, else the -errno that it ended with. */
int qmp_client_status(struct qmp_client *client);
/* Of the process that listened, by SO_PEERCRED; or -errno. UNIX only. */
pid_t qmp_client_peer_pid(struct qmp_client *client);
/* "7.2.22 (Debian 1:7.2...)", from the greeting; valid as long as @client. */
const char *qmp_client_version(const struct qmp_client *client);

#endif
