/* SPDX-License-Identifier: MIT */
/* Connections in one process, for migrations over several. */
#include "network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "session.h"

#define CAPACITY (64u << 10)

void network_init(struct network *n)
{
	pthread_condattr_t attr;

	memset(n, 0, sizeof(*n));
	pthread_mutex_init(&n->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&n->changed, &attr);
	pthread_condattr_destroy(&attr);
}

void network_exit(struct network *n)
{
	while (n->nr)
		channel_close(n->waiting[--n->nr]);
	channel_close(n->stray);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
}

void network_arrive(struct network *n, struct channel *ch)
{
	pthread_mutex_lock(&n->lock);
	n->waiting[n->nr++] = ch;
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
}

static void close_cut(struct channel *ch)
{
	channel_close(((struct cut_channel *)ch)->inner);
	free(ch);
}

/* With a life of its own, as the engine closes it. */
static struct channel *breaking(struct channel *inner, uint64_t cut_out)
{
	static struct channel_ops ops;
	struct cut_channel *cut = malloc(sizeof(*cut));

	cut_channel_init(cut, inner);
	ops = *cut->base.ops;
	ops.close = close_cut;
	cut->base.ops = &ops;
	cut->cut_out = cut_out;
	return &cut->base;
}

int network_dial(void *ctx, uint64_t timeout_ns, struct channel **ret_channel,
		 struct error *err)
{
	struct network *n = ctx;
	struct channel *a, *b;
	int rc = channel_pair(CAPACITY, &a, &b);

	if (rc)
		return rc;
	n->dialled++;
	if (n->dialled == n->lost)
		n->stray = b;
	else
		network_arrive(n, b);
	*ret_channel = n->dialled == n->cut ? breaking(a, n->cut_out) : a;
	return 0;
}

int network_take(void *ctx, uint64_t timeout_ns, struct channel **ret_channel,
		 struct error *err)
{
	struct network *n = ctx;
	uint64_t end_ns = clock_now_ns() + timeout_ns;
	struct timespec end = {
		.tv_sec = (time_t)(end_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(end_ns % NSEC_PER_SEC),
	};
	unsigned int i;
	int rc = 0;

	pthread_mutex_lock(&n->lock);
	while (!n->nr && !rc)
		rc = -pthread_cond_timedwait(&n->changed, &n->lock, &end);
	if (n->nr) {
		*ret_channel = n->waiting[0];
		for (i = 1; i < n->nr; i++)
			n->waiting[i - 1] = n->waiting[i];
		n->nr--;
		rc = 0;
	}
	pthread_mutex_unlock(&n->lock);
	return rc;
}
