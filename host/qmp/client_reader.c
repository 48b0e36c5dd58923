/* SPDX-License-Identifier: MIT */
/* The client's reader: every byte comes from a peer that may lie. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "qmp/client_priv.h"
#include "qmp/framer.h"

#define READ_BYTES 65536
#define MAX_DEPTH 1024 /* QEMU's own limit, JSON_MAX_NESTING */

int client_quote(struct error *err, int status, const char *text)
{
	struct error copy = { "" };

	error_set(&copy, 0, "%s", text);
	utf8_clean(copy.text, false);
	return error_set(err, status, "%s", copy.text);
}

void client_end(struct qmp_client *c, int status, const char *why)
{
	if (!c->status) {
		c->status = status;
		client_quote(&c->end, 0, why);
	}
	pthread_cond_broadcast(&c->changed);
}

static int end(struct qmp_client *c, int status, const char *why)
{
	pthread_mutex_lock(&c->lock);
	client_end(c, status, why);
	pthread_mutex_unlock(&c->lock);
	return status;
}

static int end_garbage(struct qmp_client *c)
{
	return end(c, -EPROTO,
		   c->greeted ? "the peer sent something that is no QMP"
			      : "the peer is no QMP server");
}

static int on_greeting(struct qmp_client *c, json_t *message)
{
	json_t *version =
		json_object_get(json_object_get(message, "QMP"), "version");
	const char *desc = NULL, *package = "";
	int major, minor, micro;

	if (json_unpack(version, "{s:{s:i, s:i, s:i}, s?s}", "qemu", "major",
			&major, "minor", &minor, "micro", &micro, "package",
			&package)) {
		json_unpack(message, "{s:{s:s}}", "error", "desc", &desc);
		return desc ? end(c, -EPROTO, desc) : end_garbage(c);
	}
	snprintf(c->version, sizeof(c->version), "%d.%d.%d%s%s%s", major, minor,
		 micro, *package ? " (" : "", package, *package ? ")" : "");
	utf8_clean(c->version, false);
	pthread_mutex_lock(&c->lock);
	c->greeted = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

static int64_t sent_us(json_t *message)
{
	json_int_t seconds, microseconds;

	if (json_unpack(message, "{s:{s:I, s:I}}", "timestamp", "seconds",
			&seconds, "microseconds", &microseconds) ||
	    seconds < 0 || seconds > INT64_MAX / 2000000 || microseconds < 0 ||
	    microseconds > 999999)
		return -1; /* QEMU: -1 when the host could not tell */
	return seconds * 1000000 + microseconds;
}

/* With the lock held; nobody fetches them: the oldest goes. */
static void drop_oldest(struct qmp_client *c)
{
	struct client_event *e = c->events;

	c->events = e->next;
	c->nr_events--;
	c->nr_dropped++;
	qmp_event_exit(&e->event);
	free(e);
}

static void queue_event(struct qmp_client *c, struct client_event *e)
{
	pthread_mutex_lock(&c->lock);
	if (c->nr_events == QMP_CLIENT_MAX_EVENTS)
		drop_oldest(c); /* never the last one: the tail stays right */
	*c->events_tail = e;
	c->events_tail = &e->next;
	c->nr_events++;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/*
 * Takes @message over, as on_reply() does: jansson's counting of references
 * is not made for two threads that hold one each.
 */
static int on_event(struct qmp_client *c, json_t *message, uint64_t now_ns)
{
	json_t *name = json_object_get(message, "event");
	json_t *data = json_object_get(message, "data");
	struct client_event *e = calloc(1, sizeof(*e));

	if (!e || !json_is_string(name) || (data && !json_is_object(data))) {
		free(e);
		json_decref(message);
		return end(c, -EPROTO, "the peer sent a malformed event");
	}
	e->event = (struct qmp_event){
		.message = message,
		.name = json_string_value(name),
		.data = data,
		.arrived_ns = now_ns,
		.sent_us = sent_us(message),
	};
	pthread_mutex_lock(&c->cb_lock);
	if (c->cb)
		c->cb(c->cb_ctx, &e->event);
	pthread_mutex_unlock(&c->cb_lock);
	queue_event(c, e);
	return 0;
}

static int on_reply(struct qmp_client *c, json_t *message)
{
	json_t *id = json_object_get(message, "id");
	json_t *error = json_object_get(message, "error");

	if (error && !json_is_string(json_object_get(error, "desc"))) {
		json_decref(message);
		return end(c, -EPROTO, "the peer sent a malformed error");
	}
	pthread_mutex_lock(&c->lock);
	/* No id: it could not even parse what we sent. Another: too late. */
	if (c->wait_id &&
	    (id ? json_integer_value(id) == c->wait_id : error != NULL)) {
		c->reply = message;
		c->wait_id = 0;
		message = NULL;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	json_decref(message);
	return 0;
}

static int on_message(struct qmp_client *c, const char *text, size_t bytes,
		      uint64_t now_ns)
{
	json_t *message = json_loadb(text, bytes, JSON_ALLOW_NUL, NULL);
	int ret;

	if (c->greeted && json_object_get(message, "event"))
		return on_event(c, message, now_ns);
	if (c->greeted && (json_object_get(message, "return") ||
			   json_object_get(message, "error")))
		return on_reply(c, message);
	ret = c->greeted ? end_garbage(c) : on_greeting(c, message);
	json_decref(message);
	return ret;
}

static int consume(struct qmp_client *c, struct framer *f, const char *data,
		   size_t bytes)
{
	uint64_t now_ns = clock_now_ns();
	enum framer_result result;
	const char *text;
	size_t taken, length;
	int ret = 0;

	while (bytes && !ret) {
		taken = framer_feed(f, data, bytes, &result);
		data += taken;
		bytes -= taken;
		if (result == FRAMER_MESSAGE) {
			text = framer_text(f, &length);
			ret = on_message(c, text, length, now_ns);
		} else if (result != FRAMER_MORE || f->state == FRAMER_WORD) {
			ret = end_garbage(c);
		}
	}
	return ret;
}

void *client_reader(void *client)
{
	struct qmp_client *c = client;
	char *data = malloc(READ_BYTES);
	struct framer f;
	ssize_t n = 0;

	framer_init(&f, QMP_CLIENT_MAX_MESSAGE_BYTES, MAX_DEPTH);
	if (!data)
		end(c, -ENOMEM, "no memory to read replies");
	while (data && (n = recv(c->fd, data, READ_BYTES, 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || consume(c, &f, data, (size_t)n))
			break;
	}
	/* Only the first end counts. */
	end(c, -ENODATA,
	    framer_is_idle(&f) ? "the peer closed the connection"
			       : "the peer went away in mid-message");
	framer_exit(&f);
	free(data);
	return NULL;
}
