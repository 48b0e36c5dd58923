/* SPDX-License-Identifier: MIT */
/* Texts and shapes of QMP; sentences as QEMU 7.2 says them. */
#include "qmp/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int qmp_error_set(struct qmp_error *err, int errnum, const char *format, ...)
{
	va_list ap;

	if (err->desc.text[0])
		return errnum;
	va_start(ap, format);
	vsnprintf(err->desc.text, sizeof(err->desc.text), format, ap);
	va_end(ap);
	return errnum;
}

json_t *message_version(const struct qmp_server_params *params)
{
	return json_pack("{s:{s:i, s:i, s:i}, s:s}", "qemu", "micro",
			 params->micro, "minor", params->minor, "major",
			 params->major, "package", params->package);
}

char *message_line(json_t *message)
{
	size_t bytes;
	char *line = NULL;

	bytes = message ? json_dumpb(message, NULL, 0, JSON_ENSURE_ASCII) : 0;
	if (bytes)
		line = malloc(bytes + 3);
	if (line) {
		json_dumpb(message, line, bytes, JSON_ENSURE_ASCII);
		memcpy(line + bytes, "\r\n", 3);
	}
	json_decref(message);
	return line;
}

char *message_greeting(json_t *version)
{
	return message_line(json_pack("{s:{s:O, s:[]}}", "QMP", "version",
				      version, "capabilities"));
}

char *message_return(json_t *value, json_t *id)
{
	if (!value)
		value = json_object();
	if (!value)
		return NULL;
	return message_line(
		json_pack("{s:o, s:O*}", "return", value, "id", id));
}

static const char *class_name(enum qmp_error_class kind)
{
	static const char *const name[] = {
		[QMP_GENERIC_ERROR] = "GenericError",
		[QMP_COMMAND_NOT_FOUND] = "CommandNotFound",
		[QMP_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
		[QMP_DEVICE_NOT_FOUND] = "DeviceNotFound",
		[QMP_KVM_MISSING_CAP] = "KVMMissingCap",
	};

	return (size_t)kind < sizeof(name) / sizeof(*name) ? name[kind]
							   : name[0];
}

char *message_error(enum qmp_error_class kind, const char *desc, json_t *id)
{
	char *clean = strdup(desc);
	json_t *message;

	if (!clean)
		return NULL;
	utf8_clean(clean, false); /* it may quote, and cut, a client's text */
	message = json_pack("{s:O*, s:{s:s, s:s}}", "id", id, "error", "class",
			    class_name(kind), "desc", clean);
	free(clean);
	return message_line(message);
}

char *message_event(const char *name, json_t *data, const struct timespec *now)
{
	json_t *message;

	message = json_pack("{s:{s:I, s:I}, s:s, s:o*}", "timestamp", "seconds",
			    (json_int_t)now->tv_sec, "microseconds",
			    (json_int_t)now->tv_nsec / 1000, "event", name,
			    "data", data);
	return message_line(message);
}

int message_parse(const char *text, size_t bytes, json_t **ret_message,
		  struct qmp_error *err)
{
	json_error_t why;
	json_t *message;

	message = json_loadb(text, bytes,
			     JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!message)
		return qmp_error_set(err, -EPROTO, "JSON parse error, %s",
				     why.text);
	*ret_message = message;
	return 0;
}

static int check_member(const char *key, json_t *value,
			struct message_command *cmd, struct qmp_error *err)
{
	if (!strcmp(key, "id"))
		return 0;
	if (!strcmp(key, "execute")) {
		cmd->name = json_string_value(value);
		return cmd->name ? 0
				 : qmp_error_set(err, -EPROTO,
						 "QMP input member 'execute' "
						 "must be a string");
	}
	if (!strcmp(key, "arguments")) {
		cmd->args = value;
		return json_is_object(value)
			       ? 0
			       : qmp_error_set(err, -EPROTO,
					       "QMP input member 'arguments' "
					       "must be an object");
	}
	return qmp_error_set(err, -EPROTO,
			     "QMP input member '%s' is unexpected", key);
}

int message_check(json_t *message, struct message_command *ret_command,
		  struct qmp_error *err)
{
	struct message_command cmd = { 0 };
	const char *key;
	json_t *value;
	int ret;

	if (!json_is_object(message))
		return qmp_error_set(err, -EPROTO,
				     "QMP input must be a JSON object");
	json_object_foreach (message, key, value) {
		ret = check_member(key, value, &cmd, err);
		if (ret)
			return ret;
	}
	if (!cmd.name)
		return qmp_error_set(err, -EPROTO,
				     "QMP input lacks member 'execute'");
	*ret_command = cmd;
	return 0;
}
