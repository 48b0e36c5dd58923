/* SPDX-License-Identifier: MIT */
/* The source's pages: from a bitmap to batches on the wire. */
#ifndef VMFERRY_MIGRATE_SEND_H
#define VMFERRY_MIGRATE_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "migrate/batch.h"
#include "migrate/limiter.h"
#include "migrate/peer.h"
#include "migrate/progress.h"
#include "migrate/vm_ops.h"

struct sender {
	const struct migrate_vm_ops *ops;
	void *vm;
	struct peer *peer;
	struct progress *progress;
	bool stopped; /* the machine is: no limit, no log to clear */
	uint8_t *bounce; /* stable copies, for observer.page_sent; or NULL */
	struct limiter limiter;
	uint64_t batch_ns; /* when the gathering of the batch began */
	uint64_t idle_ns; /* finding zero pages: no transfer; of this round */
	uint64_t max_raw_pages; /* a batch, under the limit of now */
	struct batch batch;
};

/* 0 or -ENOMEM. */
int sender_init(struct sender *s, const struct migrate_vm_ops *ops, void *vm,
		struct peer *peer, struct progress *progress);
void sender_exit(struct sender *s);

/**
 * sender_region() - send the pages of one region that are set in @bitmap.
 *
 * Some of them may wait in the batch until sender_flush().
 * Return: 0 or -errno: of the peer, or what clear_dirty() said.
 */
int sender_region(struct sender *s, unsigned int index,
		  const struct migrate_region *region, const uint64_t *bitmap);
int sender_flush(struct sender *s);

/*
 * Sleeps until the limit lets the next batch go, or something came in. At the
 * end of a round it pays for the last batch: the round's bandwidth is true.
 */
void sender_pace(struct sender *s);

#endif
