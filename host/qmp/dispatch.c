/* SPDX-License-Identifier: MIT */
/* From a message to its handler, and from what it said to a reply. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qmp/message.h"
#include "qmp/server_priv.h"

int qmp_call_take_fd(struct qmp_call *call, const char *name)
{
	return conn_take_fd(call->conn, name);
}

static const struct qmp_command *find(const struct qmp_command *c,
				      const char *name)
{
	for (; c && c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* Before the negotiation only that, and afterwards never again. */
static int check_negotiation(const struct qmp_call *call, const char *name,
			     struct qmp_error *err)
{
	bool negotiates = !strcmp(name, "qmp_capabilities");

	if (call->negotiated == !negotiates)
		return 0;
	err->kind = QMP_COMMAND_NOT_FOUND;
	if (negotiates)
		return qmp_error_set(err, -ENOSYS,
				     "Capabilities negotiation is already "
				     "complete, command ignored");
	return qmp_error_set(err, -ENOSYS,
			     "Expecting capabilities negotiation with "
			     "'qmp_capabilities'");
}

static int call_handler(struct qmp_call *call,
			const struct message_command *cmd, json_t **ret_value,
			struct qmp_error *err)
{
	const struct qmp_command *c = find(builtin_commands, cmd->name);
	void *ctx = call->srv;
	json_t *args;
	int ret;

	if (!c) {
		c = find(call->srv->commands, cmd->name);
		ctx = call->srv->ctx;
	}
	if (!c) {
		err->kind = QMP_COMMAND_NOT_FOUND;
		return qmp_error_set(err, -ENOSYS,
				     "The command %s has not been found",
				     cmd->name);
	}
	ret = args_check(c->args, cmd->args, err);
	if (ret)
		return ret;
	args = cmd->args ? json_incref(cmd->args) : json_object();
	if (!args)
		return -ENOMEM;
	ret = c->handler(ctx, call, args, ret_value, err);
	json_decref(args);
	return ret;
}

static int run(struct qmp_call *call, json_t *message, json_t **ret_value,
	       struct qmp_error *err)
{
	struct message_command cmd;
	int ret;

	ret = message_check(message, &cmd, err);
	if (ret)
		return ret;
	ret = check_negotiation(call, cmd.name, err);
	if (ret)
		return ret;
	return call_handler(call, &cmd, ret_value, err);
}

static void send_error(struct conn *conn, const struct qmp_error *err, int ret,
		       json_t *id)
{
	const char *desc = err->desc.text;
	char *line;

	line = message_error(err->kind, *desc ? desc : strerror(-ret), id);
	conn_send(conn, line);
	free(line);
}

static void reply(struct conn *conn, json_t *value, json_t *id)
{
	static const struct qmp_error unfit = {
		.desc.text = "The reply cannot be written as JSON"
	};
	char *line = message_return(value, id);

	if (line)
		conn_send(conn, line);
	else
		send_error(conn, &unfit, -EINVAL, id);
	free(line);
}

void dispatch_message(void *ctx, struct conn *conn, const char *text,
		      size_t bytes, const char *bad)
{
	struct qmp_call call = { ctx, conn, conn->negotiated };
	struct qmp_error err = { 0 };
	json_t *message = NULL, *value = NULL, *id;
	int ret;

	if (atomic_load(&call.srv->stopping))
		return;
	if (bad)
		ret = qmp_error_set(&err, -EPROTO, "%s", bad);
	else
		ret = message_parse(text, bytes, &message, &err);
	if (!ret)
		ret = run(&call, message, &value, &err);
	id = json_object_get(message, "id");
	/* What the command has caused comes before its reply. */
	server_spread_events(call.srv);
	if (ret) {
		json_decref(value);
		send_error(conn, &err, ret, id);
	} else {
		reply(conn, value, id);
	}
	conn->negotiated = call.negotiated;
	json_decref(message);
}
