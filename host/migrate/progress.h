/* SPDX-License-Identifier: MIT */
/*
 * What other threads see of a migration and do to it: statistics, limits,
 * cancellation. The same for source and target.
 */
#ifndef VMFERRY_MIGRATE_PROGRESS_H
#define VMFERRY_MIGRATE_PROGRESS_H

#include <pthread.h>

#include "base/error.h"
#include "migrate/migrate.h"

struct progress {
	pthread_mutex_t lock; /* over everything below but @observer */
	struct migrate_stats stats;
	struct migrate_params params;
	struct migrate_round *round; /* the current one: kept, or @beyond */
	struct migrate_round beyond;
	uint64_t round_wire_bytes; /* of the channels when it began */
	bool cancelled;
	bool committed;
	bool ended;
	bool outbound; /* we are the source */
	struct channel *ch[MIGRATE_MAX_CHANNELS];
	unsigned int nr_ch;
	struct migrate_observer observer;
};

void progress_init(struct progress *p, struct channel *ch, bool outbound,
		   const struct migrate_observer *observer);
void progress_exit(struct progress *p);

/* All below: any thread unless said otherwise. */

/* One more whose bytes count, and that a cancellation shuts down. */
void progress_add_channel(struct progress *p, struct channel *ch);
/* Before it is closed; its bytes no longer count. After the end that need not
 * be: nobody looks at the channels any more. */
void progress_remove_channel(struct progress *p, const struct channel *ch);
/* Bytes of all channels, our direction. The lock is held. */
uint64_t progress_channel_bytes(const struct progress *p);

/* -EALREADY behind the commit; else wakes the channel's user for good. */
int progress_cancel(struct progress *p);
bool progress_cancelled(struct progress *p);
void progress_set_params(struct progress *p,
			 const struct migrate_params *params);
struct migrate_params progress_params(struct progress *p);
void progress_stats(struct progress *p, struct migrate_stats *ret_stats);

/* The rest: the migration's own thread. */

void progress_begin(struct progress *p, uint64_t ram_bytes);
/* Enters a phase; tells the observer. -ECANCELED if it is to stop. */
int progress_phase(struct progress *p, enum migrate_phase phase);
/* Past the point of no return, unless it was cancelled: -ECANCELED. */
int progress_commit(struct progress *p);
/* It came to nothing after all, for certain. */
void progress_uncommit(struct progress *p);
/* The last word: phase by @rc, and the sentence. */
void progress_end(struct progress *p, int rc, const char *error);

/* Now, since the beginning, into a field of the statistics. */
void progress_stamp(struct progress *p, uint64_t *field_ns);
void progress_set(struct progress *p, uint64_t *field, uint64_t value);
/* The target has said that it heard `go`. */
void progress_confirm(struct progress *p);

/* Return: the number of the round. */
unsigned int progress_round_begin(struct progress *p);
void progress_batch(struct progress *p, uint64_t pages, uint64_t zero_pages);
/* A sender's round has taken @total_ns, @times of it by cause: the rest is its
 * scanning. */
void progress_times(struct progress *p, const struct migrate_times *times,
		    uint64_t total_ns);
/* What compression did in the round that is to end. */
void progress_compressed(struct progress *p, uint64_t submitted_pages,
			 uint64_t busy_pages);
/* So much of the devices' own data was sent, or loaded. */
void progress_device(struct progress *p, uint64_t bytes);
/* What it took to send: the difference of the two. */
void progress_sent(struct progress *p, const struct migrate_send_stats *before,
		   const struct migrate_send_stats *after);
/* Return: the round as it ended. */
struct migrate_round progress_round_end(struct progress *p);
/* What the last round left, and what that means. */
void progress_dirty(struct progress *p, uint64_t dirty_pages);

#endif
