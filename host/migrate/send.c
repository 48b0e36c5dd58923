/* SPDX-License-Identifier: MIT */
/*
 * The source's pages: from a bitmap to batches on the wire.
 *
 * Pages go from guest memory into the socket by one sendmsg() a batch (and one
 * for its table), without a copy of ours. The log is cleared in large chunks (each clearing costs the
 * kernel a walk and a flush of the TLB) right before a chunk is read: what the
 * guest writes after that is dirty again.
 */
#include "migrate/send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "migrate/copy.h"

#define CHUNK_PAGES ((64ull << 20) / WIRE_PAGE_BYTES)

/*
 * Whether a page is zero shows in its first cache line mostly, which is cold:
 * fetched so many pages ahead. 1 and 32 are slower (tests/perf/migrate_loop).
 */
#define AHEAD_PAGES 8u

/* A limited stream goes out in slices of about this time. */
#define SLICE_PER_S 50

int sender_init(struct sender *s, const struct migrate_vm_ops *ops, void *vm,
		struct peer *peer, struct progress *progress)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->vm = vm;
	s->peer = peer;
	s->progress = progress;
	s->max_raw_pages = WIRE_MAX_BATCH_PAGES;
	batch_reset(&s->batch);
	if (!progress->observer.page_sent)
		return 0;
	s->bounce = aligned_alloc(WIRE_PAGE_BYTES,
				  WIRE_MAX_BATCH_PAGES * WIRE_PAGE_BYTES);
	return s->bounce ? 0 : -ENOMEM;
}

void sender_exit(struct sender *s)
{
	free(s->bounce);
}

void sender_pace(struct sender *s)
{
	uint64_t rate, pages, delay_ns;

	do {
		rate = progress_params(s->progress).max_bandwidth_bytes_per_s;
		delay_ns = s->stopped ? 0
				      : limiter_delay_ns(&s->limiter,
							 clock_now_ns(), rate);
	} while (delay_ns && !channel_wait(s->peer->ch, delay_ns));
	pages = rate && !s->stopped ? rate / SLICE_PER_S / WIRE_PAGE_BYTES
				    : WIRE_MAX_BATCH_PAGES;
	s->max_raw_pages = pages < 1 ? 1
			   : pages < WIRE_MAX_BATCH_PAGES
				   ? pages
				   : WIRE_MAX_BATCH_PAGES;
}

static void show_run(const struct sender *s, const struct wire_run_le *run,
		     const uint8_t **copy)
{
	const struct migrate_observer *o = &s->progress->observer;
	uint64_t gfn = run->gfn, end = gfn + run->count;

	for (; gfn < end; gfn++) {
		if (run->kind == WIRE_ZERO) {
			o->page_sent(o->ctx, gfn, NULL);
			continue;
		}
		o->page_sent(o->ctx, gfn, *copy);
		*copy += WIRE_PAGE_BYTES;
	}
}

/* x86-64 only: the table's byte order is our own. */
static void show_pages(const struct sender *s)
{
	const uint8_t *copy = s->bounce;
	unsigned int i;

	for (i = 0; i < s->batch.nr_runs; i++)
		show_run(s, &s->batch.head.runs[i], &copy);
}

/* Gathering zero pages is no transfer: take it out of the round's time. */
static void account_idle(struct sender *s)
{
	const struct batch *b = &s->batch;
	uint64_t gather_ns = clock_now_ns() - s->batch_ns;

	s->idle_ns += gather_ns * b->zero_pages / b->pages;
}

int sender_flush(struct sender *s)
{
	struct batch *b = &s->batch;
	uint64_t before = channel_bytes_out(s->peer->ch);
	struct wire_header h;
	int rc;

	if (!b->pages)
		return 0;
	account_idle(s);
	sender_pace(s);
	if (channel_wait(s->peer->ch, 0))
		return peer_interrupted(s->peer);
	if (s->bounce)
		show_pages(s);
	batch_finish(b, &h);
	rc = peer_send_iov(s->peer, &b->head.header, &h, b->iov,
			   (int)b->nr_iov);
	if (rc)
		return rc;
	limiter_sent(&s->limiter, channel_bytes_out(s->peer->ch) - before);
	progress_batch(s->progress, b->pages, b->zero_pages);
	batch_reset(b);
	return 0;
}

static int add_page(struct sender *s, unsigned int index, uint64_t gfn,
		    uint8_t *page)
{
	struct batch *b = &s->batch;

	if (!b->pages)
		s->batch_ns = clock_now_ns();
	__builtin_prefetch(page + AHEAD_PAGES * WIRE_PAGE_BYTES);
	if (s->bounce) {
		uint8_t *copy =
			s->bounce + batch_raw_pages(b) * WIRE_PAGE_BYTES;

		copy_racy(copy, page, WIRE_PAGE_BYTES);
		page = copy;
	}
	if (page_is_zero(page))
		batch_add(b, index, gfn, WIRE_ZERO, NULL);
	else
		batch_add(b, index, gfn, WIRE_RAW, page);
	if (batch_full(b) || batch_raw_pages(b) >= s->max_raw_pages ||
	    b->pages >= CHUNK_PAGES)
		return sender_flush(s);
	return 0;
}

static int send_chunk(struct sender *s, unsigned int index,
		      const struct migrate_region *region,
		      const uint64_t *bitmap, uint64_t first, uint64_t end)
{
	uint64_t page = bitmap_next(bitmap, end, first);
	int rc;

	if (page == end)
		return 0;
	if (!s->stopped) {
		rc = s->ops->clear_dirty(s->vm, index, first, end - first,
					 bitmap);
		if (rc)
			return error_set(s->peer->err, rc,
					 "the dirty log could not be cleared: "
					 "%s",
					 strerrordesc_np(-rc));
	}
	for (; page < end; page = bitmap_next(bitmap, end, page + 1)) {
		rc = add_page(s, index, region->gpa / WIRE_PAGE_BYTES + page,
			      region->hva + page * WIRE_PAGE_BYTES);
		if (rc)
			return rc;
	}
	return 0;
}

int sender_region(struct sender *s, unsigned int index,
		  const struct migrate_region *region, const uint64_t *bitmap)
{
	uint64_t pages = region->bytes / WIRE_PAGE_BYTES;
	uint64_t first, end;
	int rc;

	for (first = 0; first < pages; first = end) {
		end = first + CHUNK_PAGES < pages ? first + CHUNK_PAGES : pages;
		rc = send_chunk(s, index, region, bitmap, first, end);
		if (rc)
			return rc;
	}
	return 0;
}
