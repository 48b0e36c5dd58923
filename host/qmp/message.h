/* SPDX-License-Identifier: MIT */
/* The lines that a QMP server writes, and the check of what it reads. Pure. */
#ifndef VMFERRY_QMP_MESSAGE_H
#define VMFERRY_QMP_MESSAGE_H

#include <jansson.h>
#include <time.h>

#include "qmp/server.h"

/*
 * All lines are malloc()ed, end in CR LF and are ASCII; NULL when there is no
 * memory or a value cannot be JSON.
 */

/* @message: taken over; NULL gives NULL. */
char *message_line(json_t *message);
/* {"qemu": {"major": ...}, "package": ...}: also what query-version says. */
json_t *message_version(const struct qmp_server_params *params);
/* @version: borrowed. */
char *message_greeting(json_t *version);
/* @value: taken over; NULL = {}. @id: borrowed, NULL = none. */
char *message_return(json_t *value, json_t *id);
char *message_error(enum qmp_error_class kind, const char *desc, json_t *id);
/* @data: taken over; NULL = none. @now: CLOCK_REALTIME. */
char *message_event(const char *name, json_t *data, const struct timespec *now);

/* One command, as it came in. Borrowed from the message. */
struct message_command {
	const char *name;
	json_t *args; /* NULL = none */
};

/**
 * message_parse() - JSON of a client.
 * @ret_message: a new reference, also to what is no object.
 *
 * Return: 0, or -EPROTO with QEMU's kind of sentence in @err.
 */
int message_parse(const char *text, size_t bytes, json_t **ret_message,
		  struct qmp_error *err);
/* -EPROTO unless it is {"execute", "arguments"?, "id"?}. */
int message_check(json_t *message, struct message_command *ret_command,
		  struct qmp_error *err);

/* -EINVAL unless @args (NULL = none) fit @table; see qmp_handler. */
int args_check(const struct qmp_arg *table, json_t *args,
	       struct qmp_error *err);

#endif
