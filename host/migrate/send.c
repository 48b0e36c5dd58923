/* SPDX-License-Identifier: MIT */
/*
 * The source's pages: from pieces of memory to batches on one connection.
 *
 * Pages go from guest memory into the socket by one sendmsg() a batch (and one
 * for its table), without a copy of ours.
 */
#include "migrate/send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "migrate/copy.h"

/*
 * Whether a page is zero shows in its first cache line mostly, which is cold:
 * fetched so many pages ahead. 1 and 32 are slower (tests/perf/migrate_loop).
 */
#define AHEAD_PAGES 8u

/* A limited stream goes out in slices of about this time. */
#define SLICE_PER_S 50

int sender_init(struct sender *s, struct feed *feed, struct peer *peer,
		struct progress *progress)
{
	memset(s, 0, sizeof(*s));
	s->feed = feed;
	s->peer = peer;
	s->progress = progress;
	s->share = 1;
	s->is_zero = zero_best()->is_zero;
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
	packer_destroy(s->packer);
	outlet_close(&s->out);
	free(s->bounce);
}

int sender_compress(struct sender *s, struct compress *pool,
		    enum wire_kind kind, unsigned int max_pages)
{
	return pool ? packer_create(s, pool, kind, max_pages, &s->packer) : 0;
}

/* Sleeps until the limit lets the next batch go, or something came in. */
static void pace(struct sender *s)
{
	uint64_t rate, pages, delay_ns, begin_ns = clock_now_ns();

	do {
		rate = progress_params(s->progress).max_bandwidth_bytes_per_s;
		delay_ns = feed_delay_ns(s->feed, rate);
	} while (delay_ns && !channel_wait(s->peer->ch, delay_ns));
	s->times.pace_ns += clock_now_ns() - begin_ns;
	pages = WIRE_MAX_BATCH_PAGES;
	if (rate && !s->feed->stopped)
		pages = rate / SLICE_PER_S / WIRE_PAGE_BYTES / s->share;
	if (pages > WIRE_MAX_BATCH_PAGES)
		pages = WIRE_MAX_BATCH_PAGES;
	s->max_raw_pages = pages ? pages : 1;
}

bool sender_has_room(struct sender *s)
{
	uint64_t rate = progress_params(s->progress).max_bandwidth_bytes_per_s;

	return !feed_delay_ns(s->feed, rate) && channel_has_room(s->peer->ch);
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

/* x86-64 only: the table's byte order is our own. The observer is asked by one
 * at a time. */
static void show_pages(struct sender *s)
{
	const uint8_t *copy = s->bounce;
	unsigned int i;

	pthread_mutex_lock(&s->feed->lock);
	for (i = 0; i < s->batch.nr_runs; i++)
		show_run(s, &s->batch.head.runs[i], &copy);
	pthread_mutex_unlock(&s->feed->lock);
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
	uint64_t before = channel_bytes_out(s->peer->ch), begin_ns;
	struct wire_header h;
	int rc;

	if (!b->pages)
		return 0;
	/* Packed pages wait for workers: see packer_idle_ns(). */
	if (!s->packer)
		account_idle(s);
	pace(s);
	if (channel_wait(s->peer->ch, 0))
		return peer_interrupted(s->peer);
	if (s->bounce)
		show_pages(s);
	batch_finish(b, &h);
	begin_ns = clock_now_ns();
	rc = peer_send_pages(s->peer, &b->head.header, &h, &s->out, b->iov,
			     (int)b->nr_iov);
	/* The copies are the next batch's, packed pages the workers'. */
	if (!rc && (s->bounce || s->packer))
		rc = peer_settle(s->peer, &s->out);
	s->times.send_ns += clock_now_ns() - begin_ns;
	if (rc)
		return rc;
	feed_sent(s->feed, channel_bytes_out(s->peer->ch) - before);
	progress_batch(s->progress, b->pages, b->zero_pages);
	s->pages += b->pages;
	s->zero_pages += b->zero_pages;
	batch_reset(b);
	return 0;
}

static int flush_if_full(struct sender *s)
{
	const struct batch *b = &s->batch;

	if (batch_full(b) || batch_raw_pages(b) >= s->max_raw_pages ||
	    b->pages >= FEED_CHUNK_PAGES)
		return sender_flush(s);
	return 0;
}

/* Nobody ever touched it: reading it would make the kernel allocate it. */
static int add_untouched(struct sender *s, unsigned int index, uint64_t gfn)
{
	if (!s->batch.pages)
		s->batch_ns = clock_now_ns();
	batch_add(&s->batch, index, gfn, WIRE_ZERO, NULL);
	return flush_if_full(s);
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
	if (s->is_zero(page))
		batch_add(b, index, gfn, WIRE_ZERO, NULL);
	else
		batch_add(b, index, gfn, WIRE_RAW, page);
	return flush_if_full(s);
}

static int send_piece(struct sender *s, const struct feed_piece *piece)
{
	const struct memory *m = s->feed->memory;
	const struct migrate_region *region = &m->region[piece->region];
	const uint64_t *bitmap = m->bitmap[piece->region];
	uint64_t page = piece->first;
	int rc;

	for (; page < piece->end;
	     page = bitmap_next(bitmap, piece->end, page + 1)) {
		uint64_t gfn = region->gpa / WIRE_PAGE_BYTES + page;

		if (bitmap_test(piece->touched, page - piece->first))
			rc = add_page(s, piece->region, gfn,
				      region->hva + page * WIRE_PAGE_BYTES);
		else
			rc = add_untouched(s, piece->region, gfn);
		if (rc)
			return rc;
	}
	/* A huge page mostly full goes by itself: the target gets memory for
	 * all of it at once, and no batch begins in the middle of the next. */
	return batch_raw_pages(&s->batch) >= FEED_PIECE_PAGES / 2
		       ? sender_flush(s)
		       : 0;
}

static int send_pieces(struct sender *s)
{
	struct feed_piece piece;
	int rc;

	while ((rc = feed_take(s->feed, &piece, s->peer->err)) > 0) {
		rc = s->packer ? packer_piece(s->packer, &piece)
			       : send_piece(s, &piece);
		if (rc)
			return rc;
	}
	if (!rc && s->packer)
		rc = packer_drain(s->packer);
	return rc ? rc : sender_flush(s);
}

static int send_all(struct sender *s)
{
	struct migrate_send_stats before = s->out.stats;
	int rc;

	pace(s);
	rc = send_pieces(s);
	if (!rc)
		rc = peer_settle(s->peer, &s->out);
	progress_sent(s->progress, &before, &s->out.stats);
	if (!rc)
		pace(s);
	return rc;
}

int sender_round(struct sender *s)
{
	struct migrate_params params = progress_params(s->progress);
	uint64_t begin_ns = clock_now_ns(), waited_ns = 0;
	int rc = outlet_open(&s->out, s->peer->ch, &params.send, s->peer->err);

	if (rc)
		return rc;
	s->idle_ns = 0;
	s->pages = s->zero_pages = 0;
	s->times = (struct migrate_times){ .scan_ns = 0 };
	if (s->packer)
		waited_ns = packer_wait_ns(s->packer);
	rc = send_all(s);
	if (s->packer) {
		s->idle_ns = packer_idle_ns(s->packer);
		s->times.wait_ns = packer_wait_ns(s->packer) - waited_ns;
	}
	progress_times(s->progress, &s->times, clock_now_ns() - begin_ns);
	return rc;
}
