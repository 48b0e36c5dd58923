/* SPDX-License-Identifier: MIT */
/*
 * The bulk of the device's state: memory of a chosen size that means nothing,
 * and changes at a chosen rate while the device runs.
 *
 * Each chunk begins with its number and how often it was changed; the sum of
 * the changes tells whether the last of them has moved.
 */
#ifndef VMFERRY_VFIO_DEVICE_FILLER_H
#define VMFERRY_VFIO_DEVICE_FILLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILLER_CHUNK_BYTES 4096u

struct filler_stamp {
	uint64_t chunk, changes;
};

struct filler {
	uint8_t *data;
	uint64_t bytes; /* a multiple of 64 */
	uint64_t nr_chunks; /* the last one may be short */
	uint64_t *dirty; /* changed since it was saved */
	uint64_t nr_dirty;
	uint64_t changes; /* of all chunks */
	/* The changing. */
	uint64_t rate_bytes_per_s;
	uint64_t last_ns, owed_bytes, next; /* next: the chunk to change */
};

/* @bytes is rounded up to a multiple of 64. 0 or -ENOMEM. */
int filler_init(struct filler *f, uint64_t bytes, uint64_t rate_bytes_per_s);
void filler_exit(struct filler *f);

/* As new: no changes. */
void filler_reset(struct filler *f);
/* Makes the changes that are due; @running: time counts, else it does not. */
void filler_change(struct filler *f, uint64_t now_ns, bool running);
/* All is to be saved. */
void filler_mark_all(struct filler *f);

uint64_t filler_chunk_bytes(const struct filler *f, uint64_t chunk);
/* Bytes that are dirty. */
uint64_t filler_dirty_bytes(const struct filler *f);

#endif
