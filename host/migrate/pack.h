/* SPDX-License-Identifier: MIT */
/*
 * Pages that go through compressing workers before they are sent: what one
 * sender has between its feed and its batches.
 *
 * Results come in any order, the runs of a batch must ascend: they are sorted
 * before they go. All that was taken from the feed has been sent when
 * packer_drain() returns, so that no page of a round is under way when the
 * next one begins, which may have it again.
 */
#ifndef VMFERRY_MIGRATE_PACK_H
#define VMFERRY_MIGRATE_PACK_H

#include <stdint.h>

#include "migrate/compress.h"
#include "migrate/feed.h"
#include "migrate/wire.h"

struct packer;
struct sender;

/* Results that wait to be sent together: what compress_params.max_held is. */
#define PACK_MAX_HELD 256u

/**
 * packer_create() - for a sender whose sender_init() is done.
 * @pool: of the sender's own; outlives the packer.
 * @max_pages: that it takes in a request.
 *
 * Return: 0 or -ENOMEM.
 */
int packer_create(struct sender *s, struct compress *pool, enum wire_kind kind,
		  unsigned int max_pages, struct packer **ret_packer);
void packer_destroy(struct packer *p); /* may be NULL */

/* Hands out the dirty pages of @piece, and sends what is done. 0 or -errno. */
int packer_piece(struct packer *p, const struct feed_piece *piece);

/* Waits for all that was handed out, and sends it. 0 or -errno. */
int packer_drain(struct packer *p);

/* Time of the round spent on pieces that were all zero. */
uint64_t packer_idle_ns(struct packer *p);
/* Time spent waiting for workers, since the pool began. */
uint64_t packer_wait_ns(const struct packer *p);

#endif
