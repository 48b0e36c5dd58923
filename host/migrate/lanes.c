/* SPDX-License-Identifier: MIT */
/* The source's connections beyond the first. */
#include "migrate/lanes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/pools.h"

void lanes_init(struct lanes *l, struct feed *feed, struct progress *progress)
{
	memset(l, 0, sizeof(*l));
	l->feed = feed;
	l->progress = progress;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
}

static int send_round(struct lane *lane, uint32_t number, uint32_t flags)
{
	struct wire_round round = { .round = number, .flags = flags };
	int rc = peer_send_round(&lane->peer, WIRE_ROUND_BEGIN, &round);

	if (!rc)
		rc = sender_round(&lane->sender);
	if (rc)
		return rc;
	round.pages = lane->sender.pages;
	round.zero_pages = lane->sender.zero_pages;
	return peer_send_round(&lane->peer, WIRE_ROUND_END, &round);
}

static void *lane_main(void *arg)
{
	struct lane *lane = arg;
	struct lanes *l = lane->all;
	uint32_t done = 0;

	pthread_mutex_lock(&l->lock);
	for (;;) {
		uint32_t flags;
		int rc;

		while (!l->quit && l->round == done)
			pthread_cond_wait(&l->changed, &l->lock);
		if (l->quit)
			break;
		done = l->round;
		flags = l->flags;
		pthread_mutex_unlock(&l->lock);
		rc = send_round(lane, done, flags);
		if (rc)
			feed_fail(l->feed);
		pthread_mutex_lock(&l->lock);
		lane->rc = rc;
		l->busy--;
		pthread_cond_broadcast(&l->changed);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void lane_free(struct lane *lane)
{
	sender_exit(&lane->sender);
	channel_close(lane->ch);
	free(lane);
}

static int start(struct lane *lane, uint64_t session)
{
	uint8_t table[sizeof(struct wire_channel_le)];
	char name[16];
	int rc = sender_init(&lane->sender, lane->all->feed, &lane->peer,
			     lane->all->progress);

	if (!rc)
		rc = peer_send(&lane->peer, WIRE_CHANNEL, table,
			       wire_put_channel(table, session, lane->index));
	if (!rc && lane->all->feed->pools)
		rc = sender_compress(
			&lane->sender,
			pools_get(lane->all->feed->pools, lane->index),
			lane->all->feed->packed, lane->all->feed->max_pages);
	if (!rc)
		rc = -pthread_create(&lane->thread, NULL, lane_main, lane);
	if (rc)
		return rc;
	snprintf(name, sizeof(name), "channel-%u", lane->index);
	pthread_setname_np(lane->thread, name);
	return 0;
}

static int open_one(struct lanes *l, const struct migrate_channels *channels,
		    uint64_t session, struct error *err)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	int rc;

	if (!lane)
		return -ENOMEM;
	lane->all = l;
	lane->index = l->nr + 1;
	rc = channels->open(channels->ctx, channels->timeout_ns, &lane->ch,
			    err);
	if (rc) {
		free(lane);
		return rc;
	}
	lane->peer.ch = lane->ch;
	lane->peer.name = "target";
	lane->peer.during = migrate_phase_name(MIGRATE_SETUP);
	lane->peer.err = &lane->err;
	progress_add_channel(l->progress, lane->ch);
	rc = start(lane, session);
	if (!rc) {
		lane->sender.share = channels->nr;
		l->lane[l->nr++] = lane;
		return 0;
	}
	if (lane->err.text[0])
		error_set(err, rc, "%s", lane->err.text);
	progress_remove_channel(l->progress, lane->ch);
	lane_free(lane);
	return rc;
}

int lanes_open(struct lanes *l, const struct migrate_channels *channels,
	       uint64_t session, struct error *err)
{
	int rc = 0;

	while (!rc && l->nr + 1 < channels->nr)
		rc = open_one(l, channels, session, err);
	return rc;
}

void lanes_begin(struct lanes *l, uint32_t round, uint32_t flags,
		 const char *during)
{
	unsigned int i;

	pthread_mutex_lock(&l->lock);
	for (i = 0; i < l->nr; i++)
		l->lane[i]->peer.during = during;
	l->round = round;
	l->flags = flags;
	l->busy = l->nr;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

void lanes_abort(struct lanes *l)
{
	unsigned int i;

	feed_fail(l->feed);
	for (i = 0; i < l->nr; i++)
		channel_shutdown(l->lane[i]->ch);
}

int lanes_wait(struct lanes *l, struct error *err)
{
	unsigned int i;
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	while (l->busy)
		pthread_cond_wait(&l->changed, &l->lock);
	for (i = 0; i < l->nr; i++) {
		const struct lane *lane = l->lane[i];

		/* Those that only saw another one fail have nothing to say. */
		if (!lane->rc || (rc && rc != -ECONNABORTED))
			continue;
		rc = lane->rc;
		*err = lane->err;
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}

uint64_t lanes_idle_ns(const struct lanes *l)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < l->nr; i++)
		sum += l->lane[i]->sender.idle_ns;
	return sum;
}

void lanes_close(struct lanes *l)
{
	unsigned int i;

	pthread_mutex_lock(&l->lock);
	l->quit = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	for (i = 0; i < l->nr; i++)
		channel_shutdown(l->lane[i]->ch);
	/* Each counts the bytes of all: none is closed while one still runs. */
	for (i = 0; i < l->nr; i++)
		pthread_join(l->lane[i]->thread, NULL);
	while (l->nr)
		lane_free(l->lane[--l->nr]);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
}
