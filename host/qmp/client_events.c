/* SPDX-License-Identifier: MIT */
/* Fetching the events that the client's reader has queued. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "qmp/client_priv.h"

void qmp_event_exit(struct qmp_event *event)
{
	json_decref(event->message);
	*event = (struct qmp_event){ 0 };
}

void qmp_client_set_event_cb(struct qmp_client *client, qmp_event_cb cb,
			     void *ctx)
{
	pthread_mutex_lock(&client->cb_lock);
	client->cb = cb;
	client->cb_ctx = ctx;
	pthread_mutex_unlock(&client->cb_lock);
}

/* With the lock held. */
static struct client_event *take(struct qmp_client *c, const char *name)
{
	struct client_event **at = &c->events, *e;

	while (*at && name && strcmp((*at)->event.name, name))
		at = &(*at)->next;
	e = *at;
	if (!e)
		return NULL;
	*at = e->next;
	if (!e->next)
		c->events_tail = at;
	c->nr_events--;
	return e;
}

int qmp_client_wait_event(struct qmp_client *client, const char *name,
			  uint64_t deadline_ns, struct qmp_event *ret_event)
{
	struct client_event *e;
	int ret = 0;

	pthread_mutex_lock(&client->lock);
	while (!(e = take(client, name)) && !client->status && !ret)
		ret = client_wait(client, deadline_ns);
	if (!e && client->status)
		ret = client->status;
	pthread_mutex_unlock(&client->lock);
	if (!e)
		return ret;
	*ret_event = e->event;
	free(e);
	return 0;
}

void qmp_client_drain_events(struct qmp_client *client)
{
	struct client_event *e;

	pthread_mutex_lock(&client->lock);
	while ((e = take(client, NULL))) {
		qmp_event_exit(&e->event);
		free(e);
	}
	pthread_mutex_unlock(&client->lock);
}

uint64_t qmp_client_dropped_events(struct qmp_client *client)
{
	uint64_t nr;

	pthread_mutex_lock(&client->lock);
	nr = client->nr_dropped;
	pthread_mutex_unlock(&client->lock);
	return nr;
}
