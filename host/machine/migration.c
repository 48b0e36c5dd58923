/* SPDX-License-Identifier: MIT */
/* Joins machine and engine: the thread that the engine runs in. */
#include "machine/state.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "machine/skip_dirty.h"

/* QEMU's word for where a migration stands. */
static const char *phase_status(enum migrate_phase phase)
{
	switch (phase) {
	case MIGRATE_SETUP:
		return "setup";
	case MIGRATE_PRECOPY:
		return "active";
	case MIGRATE_DONE:
		return "completed";
	case MIGRATE_FAILED:
		return "failed";
	case MIGRATE_CANCELLED:
		return "cancelled";
	default:
		return "device";
	}
}

/* With the lock held. */
static void set_status(struct machine *m, const char *status)
{
	if (m->migration.status && !strcmp(m->migration.status, status))
		return;
	m->migration.status = status;
	if (m->migration.events)
		qmp_server_event(m->qmp, "MIGRATION",
				 json_pack("{s:s}", "status", status));
}

/* Fault injection: a target that is killed exactly here. */
static void maybe_die(struct machine *m, const char *where)
{
	if (m->params->die_at && !strcmp(m->params->die_at, where))
		raise(SIGKILL);
}

static void on_phase(void *ctx, enum migrate_phase phase)
{
	struct machine *m = ctx;

	maybe_die(m, migrate_phase_name(phase));
	/* The end is told when the thread has cleaned up. */
	if (phase >= MIGRATE_DONE)
		return;
	pthread_mutex_lock(&m->lock);
	/* From here on the machine is the target's. */
	if (phase == MIGRATE_COMMITTED && m->migration.outgoing)
		m->run = RUN_POSTMIGRATE;
	set_status(m, phase_status(phase));
	pthread_mutex_unlock(&m->lock);
}

static void on_round(void *ctx, unsigned int round)
{
	struct machine *m = ctx;
	char where[32];

	snprintf(where, sizeof(where), "round:%u", round);
	maybe_die(m, where);
	pthread_mutex_lock(&m->lock);
	if (m->migration.outgoing && m->migration.events)
		qmp_server_event(m->qmp, "MIGRATION_PASS",
				 json_pack("{s:i}", "pass", (int)round));
	pthread_mutex_unlock(&m->lock);
}

static void on_page_sent(void *ctx, uint64_t gfn, const void *page)
{
	skip_dirty_page_sent(((struct machine *)ctx)->migration.skip, gfn,
			     page);
}

static void on_final_dirty(void *ctx, unsigned int index, uint64_t *bitmap)
{
	skip_dirty_final(((struct machine *)ctx)->migration.skip, index,
			 bitmap);
}

/* Turns the connected socket into a channel, unless a cancel came first. */
static int open_channel(struct machine *m)
{
	struct migration *g = &m->migration;
	struct channel *channel;
	int rc = 0, fd = g->fd;

	if (fd < 0)
		rc = address_connect(g->address, &fd, &g->error);
	if (rc)
		return rc;
	/* A cancel looks at both. */
	pthread_mutex_lock(&m->lock);
	g->fd = fd;
	rc = channel_from_fd(fd, &channel);
	if (!rc) {
		g->fd = -1;
		g->channel = channel;
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int create_source(struct machine *m)
{
	struct migration *g = &m->migration;
	struct migrate_observer observer = {
		.ctx = m,
		.phase = on_phase,
		.round = on_round,
	};
	uint64_t count, seed;
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	count = g->skip_count;
	seed = g->skip_seed;
	pthread_mutex_unlock(&m->lock);
	if (count) {
		rc = skip_dirty_create(vm_memory(m->vm), count, seed, &g->skip);
		if (rc)
			return error_set(&g->error, rc,
					 "no workload whose pages could be "
					 "dropped");
		observer.page_sent = on_page_sent;
		observer.final_dirty = on_final_dirty;
	}
	pthread_mutex_lock(&m->lock);
	if (g->cancel)
		rc = -ECANCELED;
	else
		rc = migrate_source_create(&migration_ops, m, g->channel,
					   &g->params, &observer, &g->source);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int create_target(struct machine *m)
{
	struct migration *g = &m->migration;
	struct migrate_observer observer = {
		.ctx = m,
		.phase = on_phase,
		.round = on_round,
	};
	int rc;

	pthread_mutex_lock(&m->lock);
	rc = g->cancel ? -ECANCELED
		       : migrate_target_create(&migration_ops, m, g->channel,
					       &observer, &g->target);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static void finish(struct machine *m, int rc)
{
	struct migration *g = &m->migration;

	pthread_mutex_lock(&m->lock);
	g->active = false;
	if (rc && rc != -ECANCELED)
		error_set(&g->error, rc, "%s", strerror(-rc));
	set_status(m, !rc		 ? "completed"
		      : rc == -ECANCELED ? "cancelled"
					 : "failed");
	pthread_mutex_unlock(&m->lock);
}

/* The engine's own sentence, where the machine's layers gave none. */
static void take_error(struct machine *m, const struct migrate_stats *stats)
{
	pthread_mutex_lock(&m->lock);
	if (stats->error[0])
		error_set(&m->migration.error, 0, "%s", stats->error);
	pthread_mutex_unlock(&m->lock);
}

static void *run_source(void *arg)
{
	struct machine *m = arg;
	struct migrate_stats stats;
	int rc = open_channel(m);

	if (!rc)
		rc = create_source(m);
	if (!rc) {
		rc = migrate_source_run(m->migration.source);
		migrate_source_stats(m->migration.source, &stats);
		take_error(m, &stats);
	}
	if (m->migration.channel)
		channel_shutdown(m->migration.channel);
	finish(m, rc);
	return NULL;
}

static void *run_target(void *arg)
{
	struct machine *m = arg;
	struct migrate_stats stats;
	int rc = open_channel(m);

	if (!rc)
		rc = create_target(m);
	if (!rc) {
		rc = migrate_target_run(m->migration.target, true);
		migrate_target_stats(m->migration.target, &stats);
		take_error(m, &stats);
	}
	if (m->migration.channel)
		channel_shutdown(m->migration.channel);
	finish(m, rc);
	/* Half a machine is of no use to anyone; QEMU ends too. */
	if (rc && !atomic_flag_test_and_set(&m->ending)) {
		error_set(&m->failure, rc, "the migration failed: %s",
			  m->migration.error.text);
		qmp_server_stop(m->qmp);
	}
	return NULL;
}

void migration_init(struct machine *m)
{
	m->migration.fd = -1;
	m->migration.params.downtime_limit_ns = 300000000;
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
	g->source = NULL;
	g->target = NULL;
	g->skip = NULL;
	g->channel = NULL;
	g->fd = -1;
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

	discard(m);
	g->outgoing = outgoing;
	g->fd = fd;
	snprintf(g->address, sizeof(g->address), "%s", address);
	g->used = g->active = true;
	g->status = NULL;
	pthread_mutex_lock(&m->lock);
	set_status(m, "setup");
	pthread_mutex_unlock(&m->lock);
	rc = -pthread_create(&g->thread, NULL,
			     outgoing ? run_source : run_target, m);
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
	if (busy)
		return error_set(err, -EBUSY,
				 "There's a migration process in progress");
	if (!runnable)
		return error_set(err, -EINVAL,
				 "a machine in state '%s' cannot be migrated",
				 status);
	return start_thread(m, true, address, fd, err);
}

/* The first peer is the source; nobody else may connect. */
static void on_incoming(void *ctx, int listen_fd, short revents)
{
	struct machine *m = ctx;
	struct error err = { "" };
	int fd;

	if (address_accept(listen_fd, 0, &fd, NULL))
		return;
	qmp_server_remove_fd(m->qmp, listen_fd);
	close(listen_fd);
	m->listen_fd = -1;
	address_unlink(m->migration.address);
	if (start_thread(m, false, "", fd, &err)) {
		close(fd);
		error_set(&m->failure, 0, "%s", err.text);
		qmp_server_stop(m->qmp);
	}
}

int migration_listen(struct machine *m, const char *address, struct error *err)
{
	bool waiting;
	int rc;

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
	rc = address_listen(address, &m->listen_fd, err);
	if (rc)
		return rc;
	snprintf(m->migration.address, sizeof(m->migration.address), "%s",
		 address);
	return qmp_server_add_fd(m->qmp, m->listen_fd, POLLIN, on_incoming, m);
}

int migration_cancel(struct machine *m)
{
	struct migration *g = &m->migration;

	pthread_mutex_lock(&m->lock);
	if (g->active) {
		g->cancel = true;
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
