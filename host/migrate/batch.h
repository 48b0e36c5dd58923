/* SPDX-License-Identifier: MIT */
/* A batch of pages being put together: the run table, and what to send. */
#ifndef VMFERRY_MIGRATE_BATCH_H
#define VMFERRY_MIGRATE_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "migrate/wire.h"

struct batch {
	unsigned int nr_runs;
	unsigned int nr_iov; /* with the one of header and table */
	uint64_t pages; /* all kinds */
	uint64_t zero_pages;
	uint64_t packed_bytes; /* of the packed runs, */
	uint64_t packed_pages; /* which have so many */
	unsigned int region; /* of the last run: none spans two */
	/* The last run, in our byte order. */
	uint64_t gfn;
	uint32_t count;
	enum wire_kind kind;
	struct {
		struct wire_header_le header;
		struct wire_run_le runs[WIRE_MAX_RUNS];
	} head;
	struct iovec iov[1 + WIRE_MAX_BATCH_PAGES];
};

void batch_reset(struct batch *b);

/**
 * batch_add() - one page more, ascending within a region.
 * @data: where the bytes lie until the batch is sent; NULL for WIRE_ZERO.
 *
 * The batch must not be full.
 */
void batch_add(struct batch *b, unsigned int region, uint64_t gfn,
	       enum wire_kind kind, void *data);

/**
 * batch_add_packed() - a run that a codec packed.
 * @data: @bytes of it, until the batch is sent.
 * @check: codec_check() of them.
 *
 * As batch_add(); there must be room for all of its pages.
 */
void batch_add_packed(struct batch *b, unsigned int region, uint64_t gfn,
		      uint32_t count, enum wire_kind kind, const void *data,
		      uint32_t bytes, uint32_t check);

/* Those with a payload, packed ones too. */
static inline uint64_t batch_raw_pages(const struct batch *b)
{
	return b->pages - b->zero_pages;
}

/* No room for any page more, whatever its kind. */
static inline bool batch_full(const struct batch *b)
{
	return batch_raw_pages(b) == WIRE_MAX_BATCH_PAGES ||
	       b->nr_runs == WIRE_MAX_RUNS;
}

/* Makes iov[0] cover the header and the table; fills in @ret_header. */
void batch_finish(struct batch *b, struct wire_header *ret_header);

#endif
