/* SPDX-License-Identifier: MIT */
/* What server.c and dispatch.c share. */
#ifndef VMFERRY_QMP_SERVER_PRIV_H
#define VMFERRY_QMP_SERVER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "qmp/conn.h"
#include "qmp/loop.h"
#include "qmp/server.h"

#define SERVER_MAX_EVENTS 1024u /* not yet handed to the clients */
#define SERVER_MAX_LISTENERS 4u

struct qmp_server {
	struct loop loop;
	const struct qmp_command *commands;
	void *ctx;
	json_t *version;
	char *greeting;
	struct conn *conns[QMP_MAX_CLIENTS];
	size_t nr_conns;
	int listeners[SERVER_MAX_LISTENERS];
	size_t nr_listeners;
	int wake_fd; /* eventfd: look at stopping and events */
	atomic_bool stopping;
	pthread_mutex_t lock; /* of the two below */
	char *events[SERVER_MAX_EVENTS]; /* lines */
	size_t nr_events;
};

struct qmp_call {
	struct qmp_server *srv;
	struct conn *conn;
	bool negotiated; /* qmp_capabilities sets it */
};

/* Hands the events so far to all clients that have negotiated. */
void server_spread_events(struct qmp_server *srv);
/* conn_message_cb of all clients; @ctx is the server. */
void dispatch_message(void *ctx, struct conn *conn, const char *text,
		      size_t bytes, const char *bad);
/* Those every server has; ended by a NULL name; their ctx is the server. */
extern const struct qmp_command builtin_commands[];

#endif
