/* SPDX-License-Identifier: MIT */
/*
 * The compressing or decompressing workers of one side of a migration: for
 * each channel its own, since an engine has one submitter.
 *
 * Without any (before pools_open()) all of it does nothing.
 */
#ifndef VMFERRY_MIGRATE_POOLS_H
#define VMFERRY_MIGRATE_POOLS_H

#include <pthread.h>

#include "migrate/compress.h"
#include "migrate/migrate.h"
#include "migrate/wire.h"

struct pools {
	pthread_mutex_t lock; /* over everything below */
	unsigned int nr;
	struct compress *pool[MIGRATE_MAX_CHANNELS];
	struct compress_stats final; /* of those that are closed */
};

void pools_init(struct pools *p);
void pools_exit(struct pools *p);

/**
 * pools_open() - start the workers.
 * @nr_channels: the threads are shared out between them, at least one each.
 * @max_held: see compress.h.
 *
 * Return: 0 or -errno with a sentence; nothing is open then.
 */
int pools_open(struct pools *p, const struct migrate_compress *how,
	       enum codec_direction direction, unsigned int nr_channels,
	       unsigned int max_held, struct error *err);
/* Ends them; nobody may be using one. What they counted stays. */
void pools_close(struct pools *p);

/* The engine of a channel, 0 the first; NULL = none. Until pools_close(). */
struct compress *pools_get(struct pools *p, unsigned int channel);

/* Sums, and all workers in a row. Context: any thread. */
void pools_stats(struct pools *p, struct compress_stats *ret_stats);

/* The kind of run that a codec makes. */
enum wire_kind pools_kind(enum codec_id codec);
/* What reads such runs. */
enum codec_id pools_codec(enum wire_kind kind);

#endif
