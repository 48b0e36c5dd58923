/* SPDX-License-Identifier: MIT */
/* The server's life: its clients, its loop, and the way in for other threads. */
#include "qmp/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "qmp/message.h"
#include "qmp/server_priv.h"

static void on_wake(void *ctx, int fd, short revents)
{
	uint64_t count;

	/* Only the wake-up matters: run() looks at everything each time. */
	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

static void wake(struct qmp_server *srv)
{
	static const uint64_t one = 1;

	/* Fails only when it is full, that is, awake. */
	if (write(srv->wake_fd, &one, sizeof(one)) < 0)
		return;
}

int qmp_server_create(const struct qmp_server_params *params,
		      struct qmp_server **ret_server)
{
	struct qmp_server *srv = calloc(1, sizeof(*srv));
	int ret = -ENOMEM;

	if (!srv)
		return -ENOMEM;
	srv->commands = params->commands;
	srv->ctx = params->ctx;
	pthread_mutex_init(&srv->lock, NULL);
	srv->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (srv->wake_fd < 0) {
		ret = -errno;
		goto destroy;
	}
	srv->version = message_version(params);
	if (srv->version)
		srv->greeting = message_greeting(srv->version);
	if (!srv->greeting)
		goto destroy;
	ret = loop_add(&srv->loop, srv->wake_fd, POLLIN, on_wake, srv);
	if (ret)
		goto destroy;
	*ret_server = srv;
	return 0;

destroy:
	qmp_server_destroy(srv);
	return ret;
}

void qmp_server_destroy(struct qmp_server *srv)
{
	if (!srv)
		return;
	while (srv->nr_conns)
		conn_destroy(srv->conns[--srv->nr_conns]);
	while (srv->nr_listeners)
		close(srv->listeners[--srv->nr_listeners]);
	while (srv->nr_events)
		free(srv->events[--srv->nr_events]);
	loop_exit(&srv->loop);
	if (srv->wake_fd >= 0)
		close(srv->wake_fd);
	json_decref(srv->version);
	free(srv->greeting);
	pthread_mutex_destroy(&srv->lock);
	free(srv);
}

/* Frees connections that are over; only where none is in use. */
static void reap(struct qmp_server *srv)
{
	size_t i = 0;

	while (i < srv->nr_conns) {
		if (!srv->conns[i]->over) {
			i++;
			continue;
		}
		conn_destroy(srv->conns[i]);
		srv->conns[i] = srv->conns[--srv->nr_conns];
	}
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	return 0;
}

int qmp_server_add_client(struct qmp_server *srv, int fd)
{
	struct conn *conn;
	int ret;

	if (srv->nr_conns == QMP_MAX_CLIENTS)
		return -EMFILE;
	ret = set_nonblocking(fd);
	if (ret)
		return ret;
	ret = conn_create(&srv->loop, fd, dispatch_message, srv, &conn);
	if (ret)
		return ret;
	srv->conns[srv->nr_conns++] = conn;
	conn_send(conn, srv->greeting);
	return 0;
}

/* One that has hung up, and may never read its replies, makes room. */
static void make_room(struct qmp_server *srv)
{
	size_t i;

	for (i = 0; srv->nr_conns == QMP_MAX_CLIENTS && i < srv->nr_conns; i++)
		if (srv->conns[i]->closing)
			conn_abort(srv->conns[i]);
	reap(srv);
}

static void refuse(int fd)
{
	char *line =
		message_error(QMP_GENERIC_ERROR, "Too many QMP clients", NULL);

	if (line)
		send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
	free(line);
	close(fd);
}

static void on_listener(void *ctx, int fd, short revents)
{
	struct qmp_server *srv = ctx;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return;
	make_room(srv);
	if (qmp_server_add_client(srv, client))
		refuse(client);
}

int qmp_server_listen(struct qmp_server *srv, int listen_fd)
{
	int ret;

	if (srv->nr_listeners == SERVER_MAX_LISTENERS)
		return -ENOMEM;
	ret = set_nonblocking(listen_fd);
	if (!ret)
		ret = loop_add(&srv->loop, listen_fd, POLLIN, on_listener, srv);
	if (!ret)
		srv->listeners[srv->nr_listeners++] = listen_fd;
	return ret;
}

int qmp_server_add_fd(struct qmp_server *srv, int fd, short events,
		      qmp_fd_callback callback, void *ctx)
{
	return loop_add(&srv->loop, fd, events, callback, ctx);
}

int qmp_server_modify_fd(struct qmp_server *srv, int fd, short events)
{
	return loop_modify(&srv->loop, fd, events);
}

void qmp_server_remove_fd(struct qmp_server *srv, int fd)
{
	loop_remove(&srv->loop, fd);
}

void qmp_server_stop(struct qmp_server *srv)
{
	int saved = errno; /* it may be a signal handler's */

	atomic_store(&srv->stopping, true);
	wake(srv);
	errno = saved;
}

int qmp_server_event(struct qmp_server *srv, const char *name, json_t *data)
{
	struct timespec now;
	int ret = -ENOBUFS;
	char *line;

	clock_gettime(CLOCK_REALTIME, &now);
	line = message_event(name, data, &now);
	if (!line)
		return -EINVAL;
	pthread_mutex_lock(&srv->lock);
	if (srv->nr_events < SERVER_MAX_EVENTS) {
		srv->events[srv->nr_events++] = line;
		line = NULL;
		ret = 0;
	}
	pthread_mutex_unlock(&srv->lock);
	free(line);
	wake(srv);
	return ret;
}

static size_t fetch_events(struct qmp_server *srv, char **lines)
{
	size_t nr;

	pthread_mutex_lock(&srv->lock);
	nr = srv->nr_events;
	memcpy(lines, srv->events, nr * sizeof(*lines));
	srv->nr_events = 0;
	pthread_mutex_unlock(&srv->lock);
	return nr;
}

void server_spread_events(struct qmp_server *srv)
{
	char *lines[SERVER_MAX_EVENTS];
	size_t nr = fetch_events(srv, lines), i, j;

	for (i = 0; i < nr; i++) {
		for (j = 0; j < srv->nr_conns; j++)
			if (srv->conns[j]->negotiated &&
			    !srv->conns[j]->closing)
				conn_send(srv->conns[j], lines[i]);
		free(lines[i]);
	}
}

static nfds_t poll_outputs(const struct qmp_server *srv, struct pollfd *polls)
{
	nfds_t nr = 0;
	size_t i;

	for (i = 0; i < srv->nr_conns; i++)
		if (conn_has_output(srv->conns[i]))
			polls[nr++] = (struct pollfd){ srv->conns[i]->fd,
						       POLLOUT, 0 };
	return nr;
}

/* The last words: only what is queued for the clients is still written. */
static void flush(struct qmp_server *srv)
{
	uint64_t now = clock_now_ns(), end_ns = now;
	struct pollfd polls[QMP_MAX_CLIENTS];
	nfds_t nr;
	size_t i;

	end_ns += QMP_FLUSH_MS * NSEC_PER_MSEC;
	server_spread_events(srv);
	while ((nr = poll_outputs(srv, polls)) && now < end_ns) {
		poll(polls, nr, (int)((end_ns - now) / NSEC_PER_MSEC) + 1);
		for (i = 0; i < srv->nr_conns; i++)
			conn_flush(srv->conns[i]);
		now = clock_now_ns();
	}
}

int qmp_server_run(struct qmp_server *srv)
{
	int ret = 0;

	while (!ret && !atomic_load(&srv->stopping)) {
		reap(srv);
		server_spread_events(srv);
		ret = loop_once(&srv->loop, -1);
	}
	flush(srv);
	reap(srv);
	return ret;
}
