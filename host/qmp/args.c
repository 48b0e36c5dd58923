/* SPDX-License-Identifier: MIT */
/* A command's arguments against its table, before the handler sees them. */
#include <errno.h>
#include <string.h>

#include "qmp/message.h"

static bool fits(enum qmp_arg_type type, const json_t *value)
{
	switch (type) {
	case QMP_ARG_STRING:
		return json_is_string(value);
	case QMP_ARG_INT:
		return json_is_integer(value);
	case QMP_ARG_SIZE:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case QMP_ARG_BOOL:
		return json_is_boolean(value);
	case QMP_ARG_OBJECT:
		return json_is_object(value);
	case QMP_ARG_ARRAY:
		return json_is_array(value);
	}
	return false;
}

static int say_misfit(const struct qmp_arg *arg, struct qmp_error *err)
{
	static const char *const name[] = {
		[QMP_ARG_STRING] = "string", [QMP_ARG_INT] = "integer",
		[QMP_ARG_SIZE] = "uint64",   [QMP_ARG_BOOL] = "boolean",
		[QMP_ARG_OBJECT] = "object", [QMP_ARG_ARRAY] = "array",
	};

	if (arg->type == QMP_ARG_SIZE)
		return qmp_error_set(err, -EINVAL,
				     "Parameter '%s' expects uint64",
				     arg->name);
	return qmp_error_set(err, -EINVAL,
			     "Invalid parameter type for '%s', expected: %s",
			     arg->name, name[arg->type]);
}

static bool is_known(const struct qmp_arg *table, const char *name)
{
	for (; table && table->name; table++)
		if (!strcmp(table->name, name))
			return true;
	return false;
}

int args_check(const struct qmp_arg *table, json_t *args, struct qmp_error *err)
{
	const struct qmp_arg *arg;
	const char *key;
	json_t *value;

	for (arg = table; arg && arg->name; arg++) {
		value = json_object_get(args, arg->name);
		if (!value && !arg->optional)
			return qmp_error_set(err, -EINVAL,
					     "Parameter '%s' is missing",
					     arg->name);
		if (value && !fits(arg->type, value))
			return say_misfit(arg, err);
	}
	json_object_foreach (args, key, value)
		if (!is_known(table, key))
			return qmp_error_set(err, -EINVAL,
					     "Parameter '%s' is unexpected",
					     key);
	return 0;
}
