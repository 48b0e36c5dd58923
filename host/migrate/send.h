/* SPDX-License-Identifier: MIT */
/* The source's pages: from pieces of memory to batches on one connection. */
#ifndef VMFERRY_MIGRATE_SEND_H
#define VMFERRY_MIGRATE_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "migrate/batch.h"
#include "migrate/feed.h"
#include "migrate/pack.h"
#include "migrate/outlet.h"
#include "migrate/peer.h"
#include "migrate/progress.h"
#include "migrate/zero.h"

struct sender {
	struct feed *feed;
	struct peer *peer;
	struct progress *progress;
	unsigned int share; /* so many send at once: the limit is divided */
	zero_page_fn is_zero;
	uint8_t *bounce; /* stable copies, for observer.page_sent; or NULL */
	uint64_t batch_ns; /* when the gathering of the batch began */
	uint64_t max_raw_pages; /* a batch, under the limit of now */
	/* Of this round and connection. */
	uint64_t idle_ns; /* finding zero pages: no transfer */
	uint64_t pages, zero_pages;
	struct migrate_times times;
	struct packer *packer; /* NULL: nothing is compressed */
	struct outlet out;
	struct batch batch;
};

/* 0 or -ENOMEM. */
int sender_init(struct sender *s, struct feed *feed, struct peer *peer,
		struct progress *progress);
void sender_exit(struct sender *s);

/* From now on its pages go through @pool, if there is one. 0 or -ENOMEM. */
int sender_compress(struct sender *s, struct compress *pool,
		    enum wire_kind kind, unsigned int max_pages);

/* Would sender_flush() send some 100 KiB now, and not wait for the limit or for
 * the peer? */
bool sender_has_room(struct sender *s);

/* Sends the batch, if there is anything in it. 0 or -errno of the peer. */
int sender_flush(struct sender *s);

/**
 * sender_round() - send pieces of the feed until there are no more.
 *
 * At the end it pays for what it sent, so that a limited round takes its time.
 * Return: 0 or -errno: of the peer, or of feed_take().
 */
int sender_round(struct sender *s);

#endif
