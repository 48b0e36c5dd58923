/* SPDX-License-Identifier: MIT */
/* The client's life, and commands from any thread. */
#include "qmp/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd_message.h"
#include "qmp/client_priv.h"
#include "qmp/message.h"

static uint64_t deadline(int timeout_ms)
{
	if (timeout_ms < 0)
		return CLIENT_FOREVER;
	return clock_now_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
}

int client_wait(struct qmp_client *c, uint64_t deadline_ns)
{
	struct timespec at = {
		.tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(deadline_ns % NSEC_PER_SEC),
	};

	if (deadline_ns == CLIENT_FOREVER)
		return -pthread_cond_wait(&c->changed, &c->lock);
	return -pthread_cond_timedwait(&c->changed, &c->lock, &at);
}

static void init_locks(struct qmp_client *c)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->cb_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
}

static int start(int fd, struct qmp_client **ret_client)
{
	struct qmp_client *c = calloc(1, sizeof(*c));
	struct ucred peer = { .pid = 0 };
	socklen_t bytes = sizeof(peer);
	int ret;

	if (!c)
		return -ENOMEM;
	c->fd = fd;
	c->events_tail = &c->events;
	c->peer_pid = -ENOTSUP;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) &&
	    peer.pid > 0)
		c->peer_pid = peer.pid;
	init_locks(c);
	ret = -pthread_create(&c->reader, NULL, client_reader, c);
	if (ret) {
		free(c);
		return ret;
	}
	*ret_client = c;
	return 0;
}

static int wait_greeting(struct qmp_client *c, uint64_t deadline_ns,
			 int timeout_ms, struct error *err)
{
	int ret = 0;

	pthread_mutex_lock(&c->lock);
	while (!c->greeted && !c->status && !ret)
		ret = client_wait(c, deadline_ns);
	if (c->greeted)
		ret = 0;
	else if (c->status)
		ret = error_set(err, c->status, "QMP: %s", c->end.text);
	else
		error_set(err, ret, "QMP: no greeting within %d ms",
			  timeout_ms);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static int left_ms(uint64_t deadline_ns)
{
	uint64_t now = clock_now_ns();

	if (deadline_ns == CLIENT_FOREVER)
		return -1;
	return deadline_ns > now
		       ? (int)((deadline_ns - now) / NSEC_PER_MSEC) + 1
		       : 0;
}

int qmp_client_connect(int fd, int timeout_ms, struct qmp_client **ret_client,
		       struct error *err)
{
	uint64_t deadline_ns = deadline(timeout_ms);
	struct qmp_client *c;
	int ret;

	ret = start(fd, &c);
	if (ret) {
		close(fd);
		return error_set(err, ret, "QMP: %s", strerror(-ret));
	}
	ret = wait_greeting(c, deadline_ns, timeout_ms, err);
	if (!ret)
		ret = qmp_client_execute(c, "qmp_capabilities", NULL,
					 left_ms(deadline_ns), NULL, err);
	if (ret) {
		qmp_client_destroy(c);
		return ret;
	}
	*ret_client = c;
	return 0;
}

void qmp_client_destroy(struct qmp_client *c)
{
	if (!c)
		return;
	shutdown(c->fd, SHUT_RDWR);
	pthread_join(c->reader, NULL);
	close(c->fd);
	qmp_client_drain_events(c);
	json_decref(c->reply);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->cb_lock);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* The first byte carries @fd, if there is one (else -1). */
static ssize_t send_part(int sock, const char *data, size_t bytes, int fd)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
			     .iov_len = bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct fd_message with;

	if (fd >= 0)
		fd_message_attach(&with, &msg, &fd, 1);
	return sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int send_all(struct qmp_client *c, const char *data, size_t bytes,
		    int fd, uint64_t deadline_ns)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	ssize_t n;

	while (bytes) {
		n = send_part(c->fd, data, bytes, fd);
		if (n > 0) {
			data += n;
			bytes -= (size_t)n;
			fd = -1;
		} else if (errno == EAGAIN) {
			n = poll(&p, 1, left_ms(deadline_ns));
			if (!n)
				return -ETIMEDOUT;
		} else if (errno != EINTR) {
			return errno == EPIPE || errno == ECONNRESET ? -ENODATA
								     : -errno;
		}
	}
	return 0;
}

struct request {
	const char *command;
	json_t *args; /* taken over */
	int fd; /* to send along, or -1 */
	int timeout_ms;
	uint64_t deadline_ns;
};

/* Waits for its turn, and gets a number for the command. */
static int begin(struct qmp_client *c, uint64_t deadline_ns, json_int_t *ret_id)
{
	int ret = 0;

	pthread_mutex_lock(&c->lock);
	while (c->busy && !c->status && !ret)
		ret = client_wait(c, deadline_ns);
	if (c->status)
		ret = c->status;
	if (!ret) {
		c->busy = true;
		c->wait_id = *ret_id = ++c->last_id;
	}
	pthread_mutex_unlock(&c->lock);
	return ret;
}

/* Ends the turn: with the reply, or with why there is none. */
static int finish(struct qmp_client *c, int ret, uint64_t deadline_ns,
		  json_t **ret_reply)
{
	pthread_mutex_lock(&c->lock);
	while (!ret && !c->reply && !c->status)
		ret = client_wait(c, deadline_ns);
	if (c->reply) {
		*ret_reply = c->reply;
		ret = 0;
	} else if (c->status) {
		ret = c->status;
	}
	c->reply = NULL;
	c->wait_id = 0;
	c->busy = false;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

/* Half a command on the wire: no other can follow. */
static int give_up(struct qmp_client *c, int ret)
{
	pthread_mutex_lock(&c->lock);
	client_end(c, ret,
		   ret == -ENODATA ? "the peer closed the connection"
				   : "a command could not be sent whole");
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static int transact(struct qmp_client *c, const struct request *rq,
		    json_t **ret_reply)
{
	json_int_t id;
	char *line;
	int ret;

	ret = begin(c, rq->deadline_ns, &id);
	if (ret)
		return ret;
	line = message_line(json_pack("{s:s, s:O*, s:I}", "execute",
				      rq->command, "arguments", rq->args, "id",
				      id));
	if (line) {
		ret = send_all(c, line, strlen(line), rq->fd, rq->deadline_ns);
		if (ret)
			give_up(c, ret);
	} else {
		ret = -EINVAL;
	}
	free(line);
	return finish(c, ret, rq->deadline_ns, ret_reply);
}

static int say_failure(struct qmp_client *c, const struct request *rq, int ret,
		       struct error *err)
{
	int status;

	if (ret == -ETIMEDOUT)
		return error_set(err, ret, "QMP %s: no reply within %d ms",
				 rq->command, rq->timeout_ms);
	pthread_mutex_lock(&c->lock);
	status = c->status;
	error_set(err, ret, "QMP %s: %s", rq->command,
		  status ? c->end.text : strerror(-ret));
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static int say_refusal(json_t *error, struct error *err)
{
	const char *kind = json_string_value(json_object_get(error, "class"));
	const char *desc = json_string_value(json_object_get(error, "desc"));
	bool unknown = kind && !strcmp(kind, "CommandNotFound");

	return client_quote(err, unknown ? -ENOSYS : -EREMOTEIO, desc);
}

static int execute(struct qmp_client *c, struct request *rq, json_t **ret_value,
		   struct error *err)
{
	json_t *reply = NULL, *error;
	int ret;

	rq->deadline_ns = deadline(rq->timeout_ms);
	ret = transact(c, rq, &reply);
	json_decref(rq->args);
	if (ret)
		return say_failure(c, rq, ret, err);
	error = json_object_get(reply, "error");
	if (error)
		ret = say_refusal(error, err);
	else if (ret_value)
		*ret_value = json_incref(json_object_get(reply, "return"));
	json_decref(reply);
	return ret;
}

int qmp_client_execute(struct qmp_client *client, const char *command,
		       json_t *args, int timeout_ms, json_t **ret_value,
		       struct error *err)
{
	struct request rq = { .command = command,
			      .args = args,
			      .fd = -1,
			      .timeout_ms = timeout_ms };

	return execute(client, &rq, ret_value, err);
}

int qmp_client_send_fd(struct qmp_client *client, int fd, const char *name,
		       int timeout_ms, struct error *err)
{
	struct request rq = { .command = "getfd",
			      .args = json_pack("{s:s}", "fdname", name),
			      .fd = fd,
			      .timeout_ms = timeout_ms };

	return execute(client, &rq, NULL, err);
}

int qmp_client_status(struct qmp_client *client)
{
	int status;

	pthread_mutex_lock(&client->lock);
	status = client->status;
	pthread_mutex_unlock(&client->lock);
	return status;
}

pid_t qmp_client_peer_pid(struct qmp_client *client)
{
	return client->peer_pid;
}

const char *qmp_client_version(const struct qmp_client *client)
{
	return client->version;
}
