/* SPDX-License-Identifier: MIT */
/* Connections in one process, for migrations over several: some get lost. */
#ifndef VMFERRY_TESTS_NETWORK_H
#define VMFERRY_TESTS_NETWORK_H

#include <pthread.h>

#include "migrate/migrate.h"

/* Connections on their way from who dials to who accepts. */
struct network {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct channel *waiting[MIGRATE_MAX_CHANNELS];
	unsigned int nr;
	unsigned int dialled;
	unsigned int lost; /* that one never arrives (1 ..) */
	struct channel *stray; /* it */
	unsigned int cut; /* that one breaks (1 ..) */
	uint64_t cut_out; /* after so many bytes */
};

void network_init(struct network *n);
void network_exit(struct network *n);
/* Somebody has connected: the next network_take() gets @ch. */
void network_arrive(struct network *n, struct channel *ch);

/* migrate_channels.open of a source and of a target; @ctx is the network. */
int network_dial(void *ctx, uint64_t timeout_ns, struct channel **ret_channel,
		 struct error *err);
int network_take(void *ctx, uint64_t timeout_ns, struct channel **ret_channel,
		 struct error *err);

#endif
