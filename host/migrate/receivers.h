/* SPDX-License-Identifier: MIT */
/*
 * The target's connections beyond the first: a thread each, that takes in
 * pages of the round that is open, and no others.
 *
 * Without any (nr == 0) all of it does nothing.
 */
#ifndef VMFERRY_MIGRATE_RECEIVERS_H
#define VMFERRY_MIGRATE_RECEIVERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "migrate/intake.h"
#include "migrate/migrate.h"

struct receivers;

struct receiver {
	struct receivers *all;
	unsigned int index; /* 1.. */
	pthread_t thread;
	struct channel *ch;
	struct error err;
	struct intake in;
	uint32_t ended; /* the last round that has ended here */
	int rc;
};

struct receivers {
	struct migrate_target *tgt;
	unsigned int nr;
	struct receiver *receiver[MIGRATE_MAX_CHANNELS - 1];
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	uint32_t open; /* the round that has begun on the first channel */
	uint32_t closed; /* the last one that has ended on all */
	struct receiver *failed; /* the first that did */
	bool quit;
};

void receivers_init(struct receivers *rs, struct migrate_target *tgt);

/**
 * receivers_collect() - wait for the other connections, and start the threads.
 * @nr_channels: with the first one.
 * @session: what they have to show. Others are strangers: closed, and the
 *	wait goes on.
 *
 * Return: 0; -ETIMEDOUT if they don't all come; -EPROTO if one comes twice;
 * with a sentence. What came stays until receivers_close().
 */
int receivers_collect(struct receivers *rs,
		      const struct migrate_channels *channels,
		      unsigned int nr_channels, uint64_t session,
		      struct error *err);

/* The round has begun on the first channel. */
void receivers_open_round(struct receivers *rs, uint32_t round);

/**
 * receivers_close_round() - wait until the round has ended on all of them.
 * @round: as the first channel had it; the pages of the others are added.
 *
 * Return: 0, or of the one that failed, with its sentence.
 */
int receivers_close_round(struct receivers *rs, struct wire_round *round,
			  struct error *err);

/* Has one failed? Then why; else 0. */
int receivers_failure(struct receivers *rs, struct error *err);

/* Ends the threads and the connections; receivers_init() begins anew. */
void receivers_close(struct receivers *rs);

#endif
