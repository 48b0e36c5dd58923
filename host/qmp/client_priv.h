/* SPDX-License-Identifier: MIT */
/* What client.c and its reader thread share. */
#ifndef VMFERRY_QMP_CLIENT_PRIV_H
#define VMFERRY_QMP_CLIENT_PRIV_H

#include <pthread.h>
#include <stdbool.h>

#include "qmp/client.h"

#define CLIENT_FOREVER UINT64_MAX /* a deadline */

struct client_event {
	struct qmp_event event;
	struct client_event *next;
};

struct qmp_client {
	int fd;
	pthread_t reader;
	char version[160]; /* written by the reader before `greeted` is set */
	pid_t peer_pid;

	pthread_mutex_t cb_lock; /* held while the callback runs */
	qmp_event_cb cb;
	void *cb_ctx;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed; /* by CLOCK_MONOTONIC */
	bool greeted;
	bool busy; /* a command is under way */
	int status; /* -errno once the connection has ended */
	struct error end; /* why */
	json_int_t last_id;
	json_int_t wait_id; /* the reply that somebody waits for; 0 = none */
	json_t *reply; /* it has come */
	struct client_event *events, **events_tail;
	size_t nr_events;
	uint64_t nr_dropped;
};

/* The reader thread: until the connection ends. */
void *client_reader(void *client);
/* With the lock held: the connection is over, unless it is already. */
void client_end(struct qmp_client *c, int status, const char *why);
/*
 * With the lock held: waits until something changed, perhaps nothing; 0, or
 * -ETIMEDOUT past @deadline_ns.
 */
int client_wait(struct qmp_client *c, uint64_t deadline_ns);
/* Copies a peer's sentence, made fit for a terminal, into @err. */
int client_quote(struct error *err, int status, const char *text);

#endif
