/* SPDX-License-Identifier: MIT */
/*
 * The source's connections beyond the first: a thread each, that takes pieces
 * of the feed in every round and says when the round has ended there.
 *
 * Without any (nr == 0) all of it does nothing.
 */
#ifndef VMFERRY_MIGRATE_LANES_H
#define VMFERRY_MIGRATE_LANES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "migrate/migrate.h"
#include "migrate/peer.h"
#include "migrate/send.h"

struct lanes;

struct lane {
	struct lanes *all;
	unsigned int index; /* 1.. */
	pthread_t thread;
	struct channel *ch;
	struct peer peer;
	struct error err;
	struct sender sender;
	int rc; /* of the round */
};

struct lanes {
	struct feed *feed;
	struct progress *progress;
	unsigned int nr;
	struct lane *lane[MIGRATE_MAX_CHANNELS - 1];
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	uint32_t round; /* to be sent, or sent */
	uint32_t flags;
	unsigned int busy; /* lanes that are at it */
	bool quit;
};

void lanes_init(struct lanes *l, struct feed *feed, struct progress *progress);

/**
 * lanes_open() - connect @channels->nr - 1 times, and start the threads.
 * @session: what the target knows these connections by.
 *
 * Return: 0 or -errno with a sentence; what was opened stays until
 * lanes_close().
 */
int lanes_open(struct lanes *l, const struct migrate_channels *channels,
	       uint64_t session, struct error *err);

/* Every lane sends its part of the round; the feed has been rewound. */
void lanes_begin(struct lanes *l, uint32_t round, uint32_t flags,
		 const char *during);
/* Wakes lanes whose peer does not take anything; the round has failed. */
void lanes_abort(struct lanes *l);
/**
 * lanes_wait() - until all lanes have said that the round has ended.
 *
 * Return: 0, or of the first lane that failed by itself, with its sentence.
 */
int lanes_wait(struct lanes *l, struct error *err);

/* Time without transfer (sender.idle_ns) of all lanes in this round. */
uint64_t lanes_idle_ns(const struct lanes *l);

/* Ends the threads and the connections; lanes_init() does the rest again. */
void lanes_close(struct lanes *l);

#endif
