/* SPDX-License-Identifier: MIT */
/* A batch of pages being put together. */
#include "migrate/batch.h"

#include <stddef.h>

_Static_assert(offsetof(struct batch, head.runs) -
			       offsetof(struct batch, head) ==
		       WIRE_HEADER_BYTES,
	       "header and table go out as one");

void batch_reset(struct batch *b)
{
	b->nr_runs = 0;
	b->nr_iov = 1;
	b->pages = 0;
	b->zero_pages = 0;
	b->packed_bytes = 0;
	b->packed_pages = 0;
}

static void add_run(struct batch *b, unsigned int region, uint64_t gfn,
		    enum wire_kind kind)
{
	if (b->nr_runs && b->kind == kind && b->region == region &&
	    b->gfn + b->count == gfn) {
		b->count++;
	} else {
		b->nr_runs++;
		b->region = region;
		b->gfn = gfn;
		b->kind = kind;
		b->count = 1;
	}
	wire_put_run(&b->head.runs[b->nr_runs - 1], b->gfn, b->count, kind);
}

static void add_payload(struct batch *b, uint8_t *data)
{
	struct iovec *last = &b->iov[b->nr_iov - 1];

	if (b->nr_iov > 1 && (uint8_t *)last->iov_base + last->iov_len == data)
		last->iov_len += WIRE_PAGE_BYTES;
	else
		b->iov[b->nr_iov++] = (struct iovec){ data, WIRE_PAGE_BYTES };
}

void batch_add(struct batch *b, unsigned int region, uint64_t gfn,
	       enum wire_kind kind, void *data)
{
	add_run(b, region, gfn, kind);
	b->pages++;
	if (kind == WIRE_ZERO)
		b->zero_pages++;
	else
		add_payload(b, data);
}

void batch_add_packed(struct batch *b, unsigned int region, uint64_t gfn,
		      uint32_t count, enum wire_kind kind, const void *data,
		      uint32_t bytes, uint32_t check)
{
	/* Never part of a longer run: it is unpacked as one. */
	wire_put_packed_run(&b->head.runs[b->nr_runs++], gfn, count, kind,
			    bytes, check);
	b->region = region;
	b->gfn = gfn;
	b->count = count;
	b->kind = kind;
	b->pages += count;
	b->packed_pages += count;
	b->packed_bytes += bytes;
	b->iov[b->nr_iov++] = (struct iovec){ (void *)data, bytes };
}

void batch_finish(struct batch *b, struct wire_header *ret_header)
{
	size_t table_bytes = b->nr_runs * sizeof(b->head.runs[0]);

	b->iov[0].iov_base = &b->head;
	b->iov[0].iov_len = WIRE_HEADER_BYTES + table_bytes;
	*ret_header = (struct wire_header){
		.type = WIRE_RAM_BATCH,
		.table_bytes = (uint32_t)table_bytes,
		.payload_bytes = (batch_raw_pages(b) - b->packed_pages) *
					 WIRE_PAGE_BYTES +
				 b->packed_bytes,
	};
}
