/* SPDX-License-Identifier: MIT */
/* Statistics, limits and cancellation of a running migration. */
#include "migrate/progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "migrate/policy.h"
#include "migrate/wire.h"

static const char *const phase_names[] = {
	[MIGRATE_SETUP] = "setup",	   [MIGRATE_PRECOPY] = "precopy",
	[MIGRATE_STOP] = "stop",	   [MIGRATE_FINAL_RAM] = "final-ram",
	[MIGRATE_STATE] = "state",	   [MIGRATE_READY] = "ready",
	[MIGRATE_COMMITTED] = "committed", [MIGRATE_DONE] = "done",
	[MIGRATE_FAILED] = "failed",	   [MIGRATE_CANCELLED] = "cancelled",
};

const char *migrate_phase_name(enum migrate_phase phase)
{
	if ((size_t)phase >= sizeof(phase_names) / sizeof(phase_names[0]))
		return "?";
	return phase_names[phase];
}

void progress_init(struct progress *p, struct channel *ch, bool outbound,
		   const struct migrate_observer *observer)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
	p->round = &p->beyond;
	p->outbound = outbound;
	p->ch[p->nr_ch++] = ch;
	if (observer)
		p->observer = *observer;
}

void progress_exit(struct progress *p)
{
	pthread_mutex_destroy(&p->lock);
}

void progress_add_channel(struct progress *p, struct channel *ch)
{
	pthread_mutex_lock(&p->lock);
	if (p->nr_ch < MIGRATE_MAX_CHANNELS)
		p->ch[p->nr_ch++] = ch;
	if (p->cancelled)
		channel_shutdown(ch);
	pthread_mutex_unlock(&p->lock);
}

void progress_remove_channel(struct progress *p, const struct channel *ch)
{
	unsigned int i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->nr_ch; i++)
		if (p->ch[i] == ch)
			p->ch[i--] = p->ch[--p->nr_ch];
	pthread_mutex_unlock(&p->lock);
}

int progress_cancel(struct progress *p)
{
	unsigned int i;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	if (p->committed) {
		rc = -EALREADY;
	} else if (!p->ended) {
		p->cancelled = true;
		/* Under the lock: run() takes it once more before it returns,
		 * and only then may the channel go. */
		for (i = 0; i < p->nr_ch; i++)
			channel_shutdown(p->ch[i]);
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}

bool progress_cancelled(struct progress *p)
{
	bool cancelled;

	pthread_mutex_lock(&p->lock);
	cancelled = p->cancelled;
	pthread_mutex_unlock(&p->lock);
	return cancelled;
}

void progress_set_params(struct progress *p,
			 const struct migrate_params *params)
{
	pthread_mutex_lock(&p->lock);
	p->params = *params;
	pthread_mutex_unlock(&p->lock);
}

struct migrate_params progress_params(struct progress *p)
{
	struct migrate_params params;

	pthread_mutex_lock(&p->lock);
	params = p->params;
	pthread_mutex_unlock(&p->lock);
	return params;
}

uint64_t progress_channel_bytes(const struct progress *p)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < p->nr_ch; i++)
		sum += p->outbound ? channel_bytes_out(p->ch[i])
				   : channel_bytes_in(p->ch[i]);
	return sum;
}

/* Lock held. */
static uint64_t since_start(const struct progress *p)
{
	return p->stats.start_ns ? clock_now_ns() - p->stats.start_ns : 0;
}

void progress_stats(struct progress *p, struct migrate_stats *ret_stats)
{
	pthread_mutex_lock(&p->lock);
	if (!p->ended) {
		p->stats.total_ns = since_start(p);
		p->stats.wire_bytes = progress_channel_bytes(p);
	}
	p->stats.nr_channels = p->nr_ch;
	*ret_stats = p->stats;
	pthread_mutex_unlock(&p->lock);
}

void progress_begin(struct progress *p, uint64_t ram_bytes)
{
	pthread_mutex_lock(&p->lock);
	p->stats.start_ns = clock_now_ns();
	p->stats.ram_bytes = ram_bytes;
	if (p->outbound)
		p->stats.remaining_bytes = ram_bytes;
	pthread_mutex_unlock(&p->lock);
}

static void tell(const struct progress *p, enum migrate_phase phase)
{
	if (p->observer.phase)
		p->observer.phase(p->observer.ctx, phase);
}

int progress_phase(struct progress *p, enum migrate_phase phase)
{
	pthread_mutex_lock(&p->lock);
	p->stats.phase = phase;
	pthread_mutex_unlock(&p->lock);
	tell(p, phase);
	return progress_cancelled(p) ? -ECANCELED : 0;
}

int progress_commit(struct progress *p)
{
	int rc = -ECANCELED;

	pthread_mutex_lock(&p->lock);
	if (!p->cancelled) {
		p->committed = true;
		p->stats.phase = MIGRATE_COMMITTED;
		rc = 0;
	}
	pthread_mutex_unlock(&p->lock);
	if (!rc)
		tell(p, MIGRATE_COMMITTED);
	return rc;
}

void progress_uncommit(struct progress *p)
{
	pthread_mutex_lock(&p->lock);
	p->committed = false;
	pthread_mutex_unlock(&p->lock);
}

void progress_end(struct progress *p, int rc, const char *error)
{
	enum migrate_phase phase = !rc		      ? MIGRATE_DONE
				   : rc == -ECANCELED ? MIGRATE_CANCELLED
						      : MIGRATE_FAILED;

	pthread_mutex_lock(&p->lock);
	p->stats.phase = phase;
	p->stats.total_ns = since_start(p);
	p->stats.wire_bytes = progress_channel_bytes(p);
	p->ended = true;
	if (rc)
		snprintf(p->stats.error, sizeof(p->stats.error), "%.255s",
			 error);
	pthread_mutex_unlock(&p->lock);
	tell(p, phase);
}

void progress_stamp(struct progress *p, uint64_t *field_ns)
{
	pthread_mutex_lock(&p->lock);
	*field_ns = since_start(p);
	pthread_mutex_unlock(&p->lock);
}

void progress_confirm(struct progress *p)
{
	pthread_mutex_lock(&p->lock);
	p->stats.running_confirmed = true;
	pthread_mutex_unlock(&p->lock);
}

void progress_set(struct progress *p, uint64_t *field, uint64_t value)
{
	pthread_mutex_lock(&p->lock);
	*field = value;
	pthread_mutex_unlock(&p->lock);
}
