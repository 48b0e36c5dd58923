/* SPDX-License-Identifier: MIT */
/* The commands that every QMP server of ours has. */
#include <ctype.h>
#include <errno.h>
#include <unistd.h>

#include "qmp/server_priv.h"

/* We offer no capability, so that none can be enabled. */
static int do_capabilities(void *ctx, struct qmp_call *call, json_t *args,
			   json_t **ret_value, struct qmp_error *err)
{
	json_t *enable = json_object_get(args, "enable");
	const char *first = json_string_value(json_array_get(enable, 0));

	if (json_array_size(enable))
		return qmp_error_set(err, -EINVAL,
				     "Parameter 'enable' does not accept "
				     "value '%s'",
				     first ? first : "null");
	call->negotiated = true;
	return 0;
}

static int add_names(json_t *list, const struct qmp_command *c)
{
	for (; c && c->name; c++)
		if (json_array_append_new(list,
					  json_pack("{s:s}", "name", c->name)))
			return -ENOMEM;
	return 0;
}

static int do_query_commands(void *ctx, struct qmp_call *call, json_t *args,
			     json_t **ret_value, struct qmp_error *err)
{
	struct qmp_server *srv = ctx;

	*ret_value = json_array();
	if (!*ret_value || add_names(*ret_value, builtin_commands) ||
	    add_names(*ret_value, srv->commands))
		return -ENOMEM;
	return 0;
}

static int do_query_version(void *ctx, struct qmp_call *call, json_t *args,
			    json_t **ret_value, struct qmp_error *err)
{
	struct qmp_server *srv = ctx;

	*ret_value = json_incref(srv->version);
	return 0;
}

static int do_getfd(void *ctx, struct qmp_call *call, json_t *args,
		    json_t **ret_value, struct qmp_error *err)
{
	const char *name = json_string_value(json_object_get(args, "fdname"));
	int fd = conn_claim_fd(call->conn);

	if (fd < 0)
		return qmp_error_set(err, -EINVAL,
				     "No file descriptor supplied via "
				     "SCM_RIGHTS");
	if (isdigit((unsigned char)name[0])) {
		close(fd);
		return qmp_error_set(err, -EINVAL,
				     "Parameter 'fdname' expects a name not "
				     "starting with a digit");
	}
	return conn_name_fd(call->conn, name, fd);
}

static int do_closefd(void *ctx, struct qmp_call *call, json_t *args,
		      json_t **ret_value, struct qmp_error *err)
{
	const char *name = json_string_value(json_object_get(args, "fdname"));
	int fd = conn_take_fd(call->conn, name);

	if (fd < 0)
		return qmp_error_set(err, -ENOENT,
				     "File descriptor named '%s' not found",
				     name);
	close(fd);
	return 0;
}

static const struct qmp_arg capabilities_args[] = {
	{ "enable", QMP_ARG_ARRAY, true },
	{ 0 },
};

static const struct qmp_arg fd_args[] = {
	{ "fdname", QMP_ARG_STRING, false },
	{ 0 },
};

const struct qmp_command builtin_commands[] = {
	{ "qmp_capabilities", do_capabilities, capabilities_args },
	{ "query-commands", do_query_commands, NULL },
	{ "query-version", do_query_version, NULL },
	{ "getfd", do_getfd, fd_args },
	{ "closefd", do_closefd, fd_args },
	{ 0 },
};
