/* SPDX-License-Identifier: MIT */
/*
 * What is to be sent in a round, handed out in pieces to whoever is free; and
 * what all who send share: the rate, and the news that one of them failed.
 */
#ifndef VMFERRY_MIGRATE_FEED_H
#define VMFERRY_MIGRATE_FEED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "migrate/limiter.h"
#include "migrate/memory.h"

/* Pages of a piece: within one huge page of 2 MiB, the dirty ones of these. */
#define FEED_PIECE_PAGES 512u
/* The log is cleared in such chunks: each clearing costs the kernel a walk and
 * a flush of the TLB. */
#define FEED_CHUNK_PAGES ((64ull << 20) / WIRE_PAGE_BYTES)

struct pools;

struct feed {
	const struct migrate_vm_ops *ops;
	void *vm;
	const struct memory *memory; /* the bitmaps: what is to be sent */
	struct pools *pools; /* compress what is sent; NULL = as it is */
	enum wire_kind packed; /* to that, */
	unsigned int max_pages; /* so many at once */
	bool stopped; /* the machine is: no limit, no log to clear */
	pthread_mutex_t lock; /* for what follows */
	unsigned int region;
	uint64_t page; /* the next one, of the region */
	uint64_t cleared; /* the region's log is, below that page */
	bool failed;
	struct limiter limiter;
};

struct feed_piece {
	unsigned int region;
	uint64_t first, end; /* pages of the region */
	/* Bit i: page @first + i may hold anything but zeros. */
	uint64_t touched[FEED_PIECE_PAGES / 64];
};

void feed_init(struct feed *f, const struct migrate_vm_ops *ops, void *vm,
	       const struct memory *memory);
void feed_exit(struct feed *f);

/* A round begins; nobody may be taking. */
void feed_rewind(struct feed *f);

/* The rest: any thread. */

/**
 * feed_take() - the next piece that has pages to send.
 *
 * Their log has been cleared, so that what the guest writes from here on is
 * dirty again: read them after this.
 *
 * Return: 1; 0 at the end of the round; -ECONNABORTED after feed_fail(), or
 * what clear_dirty() said with a sentence.
 */
int feed_take(struct feed *f, struct feed_piece *ret_piece, struct error *err);

/* Nobody gets a piece any more. */
void feed_fail(struct feed *f);
bool feed_failed(struct feed *f);

/* See limiter_delay_ns() and limiter_sent(). No limit once stopped. */
uint64_t feed_delay_ns(struct feed *f, uint64_t rate_bytes_per_s);
void feed_sent(struct feed *f, uint64_t bytes);

#endif
