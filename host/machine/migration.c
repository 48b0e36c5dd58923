/* SPDX-License-Identifier: MIT */
/* Migrations as the loop sees them: begun, cancelled, taken down. */
#include "machine/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/units.h"
#include "machine/skip_dirty.h"

void migration_init(struct machine *m)
{
	m->migration.fd = -1;
	m->migration.listen_fd = -1;
	m->migration.nr_channels = 2;
	m->migration.cancel_fd = -1;
	m->migration.params.downtime_limit_ns = 300000000;
	compression_init(m);
}

/* After the thread has ended. */
static void discard(struct machine *m)
{
	struct migration *g = &m->migration;

	if (g->thread_exists)
		pthread_join(g->thread, NULL);
	g->thread_exists = false;
	migrate_source_destroy(g->source);
	migrate_target_destroy(g->target);
	skip_dirty_destroy(g->skip);
	if (g->channel)
		channel_close(g->channel);
	if (g->fd >= 0)
		close(g->fd);
	migration_stop_listening(m);
	if (g->cancel_fd >= 0)
		close(g->cancel_fd);
	g->source = NULL;
	g->target = NULL;
	g->skip = NULL;
	g->channel = NULL;
	g->fd = -1;
	g->cancel_fd = -1;
	g->cancel = false;
	g->error.text[0] = '\0';
}

void migration_exit(struct machine *m)
{
	if (m->listen_fd >= 0)
		address_unlink(m->migration.address);
	migration_cancel(m);
	discard(m);
}

/* With no thread around; takes over @fd on success. */
static int start_thread(struct machine *m, bool outgoing, const char *address,
			int fd, struct error *err)
{
	struct migration *g = &m->migration;
	int rc;

	g->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->cancel_fd < 0) {
		rc = -errno;
		return error_set(err, rc, "cannot make an eventfd: %s",
				 strerror(-rc));
	}
	g->outgoing = outgoing;
	g->fd = fd;
	if (address != g->address)
		snprintf(g->address, sizeof(g->address), "%s", address);
	g->used = g->active = true;
	g->status = NULL;
	pthread_mutex_lock(&m->lock);
	migration_set_status(m, "setup");
	pthread_mutex_unlock(&m->lock);
	rc = -pthread_create(
		&g->thread, NULL,
		outgoing ? migration_run_source : migration_run_target, m);
	if (rc) {
		g->fd = -1;
		g->used = g->active = false;
		return error_set(err, rc, "cannot start a thread: %s",
				 strerror(-rc));
	}
	pthread_setname_np(g->thread, outgoing ? "migration" : "incoming");
	g->thread_exists = true;
	return 0;
}

int migration_start(struct machine *m, const char *address, int fd,
		    struct error *err)
{
	const char *status;
	bool busy, runnable;

	pthread_mutex_lock(&m->lock);
	busy = m->migration.active;
	runnable = m->run == RUN_RUNNING || m->run == RUN_PAUSED ||
		   m->run == RUN_PRELAUNCH;
	status = machine_status(m);
	pthread_mutex_unlock(&m->lock);
	if (strlen(address) >= sizeof(m->migration.address))
		return error_set(err, -EINVAL, "the address is too long");
	if (fd >= 0 && m->migration.several)
		return error_set(err, -EINVAL,
				 "multifd needs an address to connect to: a "
				 "descriptor is one connection");
	if (m->migration.several && !strncmp(address, "file:", 5))
		return error_set(err, -EINVAL,
				 "multifd is for sockets: a file is written in "
				 "one piece");
	if (busy)
		return error_set(err, -EBUSY,
				 "There's a migration process in progress");
	if (!runnable)
		return error_set(err, -EINVAL,
				 "a machine in state '%s' cannot be migrated",
				 status);
	discard(m);
	return start_thread(m, true, address, fd, err);
}

/* The first peer is the source. Others may connect only as long as the engine
 * waits for further channels of the same one. */
static void on_incoming(void *ctx, int listen_fd, short revents)
{
	struct machine *m = ctx;
	struct error err = { "" };
	int fd;

	if (address_accept(listen_fd, 0, &fd, NULL))
		return;
	qmp_server_remove_fd(m->qmp, listen_fd);
	m->listen_fd = -1;
	discard(m);
	m->migration.listen_fd = listen_fd;
	/* Who has left again shall not be waited for. */
	fcntl(listen_fd, F_SETFL, O_NONBLOCK);
	if (start_thread(m, false, m->migration.address, fd, &err)) {
		close(fd);
		error_set(&m->failure, 0, "%s", err.text);
		qmp_server_stop(m->qmp);
	}
}

static int listen_at(struct machine *m, const char *address, struct error *err)
{
	int rc = address_listen(address, &m->listen_fd, err);

	if (rc)
		return rc;
	snprintf(m->migration.address, sizeof(m->migration.address), "%s",
		 address);
	return qmp_server_add_fd(m->qmp, m->listen_fd, POLLIN, on_incoming, m);
}

int migration_listen(struct machine *m, const char *address, int fd,
		     struct error *err)
{
	bool waiting, file = !strncmp(address, "file:", 5);

	pthread_mutex_lock(&m->lock);
	waiting = m->run == RUN_INMIGRATE && !m->migration.active;
	pthread_mutex_unlock(&m->lock);
	if (!waiting || m->listen_fd >= 0)
		return error_set(err, -EINVAL,
				 "'-incoming' was not specified on the "
				 "command line, or a source is awaited "
				 "already");
	if (strlen(address) >= sizeof(m->migration.address))
		return error_set(err, -EINVAL, "the address is too long");
	if (fd < 0 && !file)
		return listen_at(m, address, err);
	/* What cannot be read is said at once. */
	if (file && access(address + 5, R_OK)) {
		int rc = -errno;

		return error_set(err, rc, "cannot read %s: %s", address + 5,
				 strerror(-rc));
	}
	discard(m);
	return start_thread(m, false, address, fd, err);
}

int migration_incoming(struct machine *m, const char *address,
		       struct error *err)
{
	uint64_t fd;

	if (strncmp(address, "fd:", 3))
		return migration_listen(m, address, -1, err);
	if (units_parse_u64(address + 3, 0, INT_MAX, &fd) ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC))
		return error_set(err, -EINVAL, "'%s' is no open descriptor",
				 address);
	return migration_listen(m, address, (int)fd, err);
}

int migration_cancel(struct machine *m)
{
	struct migration *g = &m->migration;

	pthread_mutex_lock(&m->lock);
	if (g->active) {
		g->cancel = true;
		eventfd_write(g->cancel_fd, 1);
		if (g->source)
			migrate_source_cancel(g->source);
		else if (g->target)
			migrate_target_cancel(g->target);
		else if (g->channel)
			channel_shutdown(g->channel);
		else if (g->fd >= 0)
			shutdown(g->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&m->lock);
	return 0;
}
