/* SPDX-License-Identifier: MIT */
/* Joins machine and engine: the thread that the engine runs in. */
#include "machine/state.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

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

void migration_set_status(struct machine *m, const char *status)
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
	/* All channels are there. */
	if (phase == MIGRATE_PRECOPY && !m->migration.outgoing)
		migration_stop_listening(m);
	/* One pass may have been all. */
	if (phase == MIGRATE_STATE && !m->migration.outgoing)
		machine_prealloc_passed(m);
	/* The end is told when the thread has cleaned up; but that the target
	 * has it all is news to be told at once. */
	if (phase >= MIGRATE_DONE &&
	    !(phase == MIGRATE_DONE && m->migration.outgoing))
		return;
	pthread_mutex_lock(&m->lock);
	/* From here on the machine is the target's. */
	if (phase == MIGRATE_COMMITTED && m->migration.outgoing)
		m->run = RUN_POSTMIGRATE;
	if (phase == MIGRATE_COMMITTED && m->migration.outgoing)
		m->gave_away = m->migration.params.hand_over;
	migration_set_status(m, phase_status(phase));
	pthread_mutex_unlock(&m->lock);
}

static void on_round(void *ctx, unsigned int round)
{
	struct machine *m = ctx;
	char where[32];

	snprintf(where, sizeof(where), "round:%u", round);
	maybe_die(m, where);
	if (round > 1 && !m->migration.outgoing)
		machine_prealloc_passed(m);
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

void migration_blame(struct machine *m, const struct error *err)
{
	pthread_mutex_lock(&m->lock);
	migration_blame_locked(m, err);
	pthread_mutex_unlock(&m->lock);
}

void migration_blame_locked(struct machine *m, const struct error *err)
{
	if (err->text[0])
		error_set(&m->migration.error, 0, "%s", err->text);
}

static int create_source(struct machine *m)
{
	const struct migrate_channels channels = migration_channels(m);
	struct migration *g = &m->migration;
	struct migrate_observer observer = {
		.ctx = m,
		.phase = on_phase,
		.round = on_round,
	};
	uint64_t count, seed;
	bool dma;
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	count = g->skip_count;
	seed = g->skip_seed;
	dma = g->skip_dma;
	pthread_mutex_unlock(&m->lock);
	if (count) {
		rc = skip_dirty_create(vm_memory(m->vm), count, seed, dma,
				       &g->skip);
		if (rc) {
			migration_blame(
				m, &(struct error){ "no workload whose pages "
						    "could be dropped" });
			return rc;
		}
		observer.page_sent = on_page_sent;
		observer.final_dirty = on_final_dirty;
	}
	pthread_mutex_lock(&m->lock);
	if (g->cancel)
		rc = -ECANCELED;
	else
		rc = migrate_source_create(&migration_ops, m, g->channel,
					   &g->params, &observer, &g->source);
	if (!rc) {
		migrate_source_set_channels(g->source, &channels);
		compression_set_source(m);
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int create_target(struct machine *m)
{
	const struct migrate_channels channels = migration_channels(m);
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
	if (!rc) {
		migrate_target_set_channels(g->target, &channels);
		compression_set_target(m);
	}
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
	migration_set_status(m, !rc		   ? "completed"
				: rc == -ECANCELED ? "cancelled"
						   : "failed");
	pthread_mutex_unlock(&m->lock);
}

/* The engine's own sentence, where the machine's layers gave none. */
static void take_error(struct machine *m, const struct migrate_stats *stats)
{
	struct error err;

	snprintf(err.text, sizeof(err.text), "%s", stats->error);
	migration_blame(m, &err);
}

void *migration_run_source(void *arg)
{
	struct machine *m = arg;
	struct migrate_stats stats;
	int rc = migration_open_channel(m);

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
	machine_drop_memory(m);
	return NULL;
}

void *migration_run_target(void *arg)
{
	struct machine *m = arg;
	struct migrate_stats stats;
	int rc = migration_open_channel(m);

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
