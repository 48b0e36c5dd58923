/* SPDX-License-Identifier: MIT */
/* Pages that go through compressing workers before they are sent. */
#include "migrate/pack.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "migrate/copy.h"
#include "migrate/item.h"
#include "migrate/send.h"

/* As in send.c: whether a page is zero shows in a cold cache line. */
#define AHEAD_PAGES 8u

struct packer {
	struct sender *s;
	struct compress *pool;
	enum wire_kind kind;
	unsigned int max_pages;

	/* Adjacent pages, not handed out yet. */
	struct {
		unsigned int region;
		uint64_t gfn;
		uint8_t *pages;
		unsigned int nr; /* 0 = none */
	} pending;

	/* Of the batch to be. */
	unsigned int nr_items, nr_held;
	uint64_t pages, payload_pages;
	struct item item[WIRE_MAX_RUNS];
	struct compress_result held[PACK_MAX_HELD];

	/* Stable copies for observer.page_sent: taken in a row, and free again
	 * when all has been sent; or NULL. */
	uint8_t *slots;
	unsigned int nr_slots;

	unsigned int raw_left; /* that find_room() has granted */
	bool payload; /* the piece had pages that are not zero */
	uint64_t idle_ns;
};

int packer_create(struct sender *s, struct compress *pool, enum wire_kind kind,
		  unsigned int max_pages, struct packer **ret_packer)
{
	struct packer *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->s = s;
	p->pool = pool;
	p->kind = kind;
	p->max_pages = max_pages;
	/* The sender's own way would take them from there; this one is it. */
	p->slots = s->bounce;
	s->bounce = NULL;
	*ret_packer = p;
	return 0;
}

void packer_destroy(struct packer *p)
{
	if (!p)
		return;
	free(p->slots);
	free(p);
}

uint64_t packer_wait_ns(const struct packer *p)
{
	struct compress_stats stats;

	compress_get_stats(p->pool, &stats);
	return stats.wait_ns;
}

uint64_t packer_idle_ns(struct packer *p)
{
	uint64_t idle_ns = p->idle_ns;

	p->idle_ns = 0;
	return idle_ns;
}

static int flush(struct packer *p)
{
	unsigned int i;
	int rc;

	if (!p->nr_items)
		return 0;
	items_to_batch(p->item, p->nr_items, &p->s->batch);
	rc = sender_flush(p->s);
	for (i = 0; i < p->nr_held; i++)
		compress_release(p->pool, &p->held[i]);
	p->nr_items = p->nr_held = 0;
	p->pages = p->payload_pages = 0;
	return rc;
}

/* Before items are added: for as many pages with a payload there must be room,
 * since a batch never has more than WIRE_MAX_BATCH_PAGES. */
static int make_room(struct packer *p, unsigned int payload_pages)
{
	if (p->nr_items < WIRE_MAX_RUNS && p->nr_held < PACK_MAX_HELD &&
	    p->payload_pages + payload_pages <= WIRE_MAX_BATCH_PAGES)
		return 0;
	return flush(p);
}

static int add_item(struct packer *p, const struct item *item)
{
	p->item[p->nr_items++] = *item;
	p->pages += item->count;
	if (item->kind != WIRE_ZERO)
		p->payload_pages += item->count;
	if (p->payload_pages >= p->s->max_raw_pages ||
	    p->pages >= FEED_CHUNK_PAGES)
		return flush(p);
	return 0;
}

static void tell_zero(struct packer *p, uint64_t gfn)
{
	const struct migrate_observer *o = &p->s->progress->observer;

	if (!p->slots)
		return;
	pthread_mutex_lock(&p->s->feed->lock);
	o->page_sent(o->ctx, gfn, NULL);
	pthread_mutex_unlock(&p->s->feed->lock);
}

static int add_zero(struct packer *p, unsigned int region, uint64_t gfn)
{
	struct item *last = p->nr_items ? &p->item[p->nr_items - 1] : NULL;
	int rc;

	tell_zero(p, gfn);
	if (last && last->kind == WIRE_ZERO && last->region == region &&
	    last->gfn + last->count == gfn) {
		last->count++;
		p->pages++;
		return p->pages >= FEED_CHUNK_PAGES ? flush(p) : 0;
	}
	rc = make_room(p, 0);
	return rc ? rc
		  : add_item(p, &(struct item){ .gfn = gfn,
						.count = 1,
						.kind = WIRE_ZERO,
						.region = region });
}

static int add_raw(struct packer *p, unsigned int region, uint64_t gfn,
		   unsigned int count, const uint8_t *pages)
{
	int rc = make_room(p, count);

	return rc ? rc
		  : add_item(p, &(struct item){ .gfn = gfn,
						.count = count,
						.kind = WIRE_RAW,
						.region = region,
						.data = pages });
}

#define REGION_SHIFT 56

static int add_result(struct packer *p, const struct compress_result *r)
{
	unsigned int region = (unsigned int)(r->tag >> REGION_SHIFT);
	uint64_t gfn = r->tag & ((1ull << REGION_SHIFT) - 1);
	int rc;

	if (!r->packed) {
		compress_release(p->pool, r);
		return add_raw(p, region, gfn, r->nr_pages, r->pages);
	}
	rc = make_room(p, r->nr_pages);
	/* Also if that failed: all results that are held are released. */
	p->held[p->nr_held++] = *r;
	return rc ? rc
		  : add_item(p,
			     &(struct item){ .gfn = gfn,
					     .count = r->nr_pages,
					     .bytes = (uint32_t)r->packed_bytes,
					     .check = r->check,
					     .kind = p->kind,
					     .region = region,
					     .data = r->packed });
}

static int collect(struct packer *p, bool wait)
{
	struct compress_result result;
	int rc = 0;

	while (!rc && compress_collect(p->pool, &result, wait))
		rc = add_result(p, &result);
	return rc;
}

/*
 * With no worker free and none to wait for, pages go as they are, so that the
 * link is not idle because the CPUs are not fast enough. Where it is the link
 * that is not fast enough, that would make it worse: each of them takes the
 * place of several packed ones, and the sender would sleep in its socket while
 * the workers, too, have nothing to do. So they go in small portions, each for
 * a link that has room; else what is waited for is a worker after all.
 */
#define RAW_PORTION_PAGES 32u

static int find_room(struct packer *p)
{
	struct compress_result result;
	int rc = 0;

	while (!rc && !p->raw_left && compress_busy(p->pool)) {
		if (sender_has_room(p->s))
			p->raw_left = RAW_PORTION_PAGES;
		else if (compress_collect(p->pool, &result, true))
			rc = add_result(p, &result);
	}
	return rc;
}

static int add_busy(struct packer *p, const struct compress_job *job)
{
	int rc = add_raw(p, p->pending.region, p->pending.gfn, job->nr_pages,
			 job->pages);

	if (p->raw_left > job->nr_pages) {
		p->raw_left -= job->nr_pages;
		return rc;
	}
	p->raw_left = 0;
	/* At once, the link has room; "locked" is as it was. */
	return rc || !compress_busy(p->pool) ? rc : flush(p);
}

static int hand_out(struct packer *p)
{
	struct compress_job job = {
		.tag = (uint64_t)p->pending.region << REGION_SHIFT |
		       p->pending.gfn,
		.pages = p->pending.pages,
		.nr_pages = p->pending.nr,
	};
	int rc, taken;

	if (!p->pending.nr)
		return 0;
	p->pending.nr = 0;
	rc = find_room(p);
	taken = compress_submit(p->pool, &job);
	/* All buffers are full of what has not been sent. */
	while (!rc && taken == -EAGAIN) {
		rc = collect(p, true);
		if (!rc)
			rc = flush(p);
		taken = compress_submit(p->pool, &job);
	}
	if (!rc && taken == -EBUSY)
		rc = add_busy(p, &job);
	else if (!rc)
		rc = taken;
	return rc ? rc : collect(p, false);
}

int packer_drain(struct packer *p)
{
	int rc = hand_out(p);

	if (!rc)
		rc = collect(p, true);
	if (!rc)
		rc = flush(p);
	p->nr_slots = 0;
	return rc;
}

/* The copy is what will be compressed and sent: it may be shown at once. */
static int copy_page(struct packer *p, uint8_t **page)
{
	uint8_t *copy;
	int rc;

	if (p->nr_slots == WIRE_MAX_BATCH_PAGES) {
		rc = packer_drain(p);
		if (rc)
			return rc;
	}
	copy = p->slots + p->nr_slots * (size_t)WIRE_PAGE_BYTES;
	copy_racy(copy, *page, WIRE_PAGE_BYTES);
	*page = copy;
	return 0;
}

static void tell_page(struct packer *p, uint64_t gfn, const uint8_t *copy)
{
	const struct migrate_observer *o = &p->s->progress->observer;

	if (!p->slots)
		return;
	p->nr_slots++;
	pthread_mutex_lock(&p->s->feed->lock);
	o->page_sent(o->ctx, gfn, copy);
	pthread_mutex_unlock(&p->s->feed->lock);
}

static bool goes_on(const struct packer *p, unsigned int region, uint64_t gfn,
		    const uint8_t *page)
{
	unsigned int nr = p->pending.nr;

	return nr && nr < p->max_pages && p->pending.region == region &&
	       p->pending.gfn + nr == gfn &&
	       p->pending.pages + nr * (size_t)WIRE_PAGE_BYTES == page;
}

static int add_page(struct packer *p, unsigned int region, uint64_t gfn,
		    uint8_t *page)
{
	int rc = 0;

	__builtin_prefetch(page + AHEAD_PAGES * WIRE_PAGE_BYTES);
	if (p->slots)
		rc = copy_page(p, &page);
	if (rc)
		return rc;
	if (p->s->is_zero(page))
		return add_zero(p, region, gfn);
	p->payload = true;
	tell_page(p, gfn, page);
	if (!goes_on(p, region, gfn, page)) {
		rc = hand_out(p);
		p->pending.region = region;
		p->pending.gfn = gfn;
		p->pending.pages = page;
		p->pending.nr = 0;
	}
	p->pending.nr++;
	return rc;
}

static int add_pages(struct packer *p, const struct feed_piece *piece)
{
	const struct memory *m = p->s->feed->memory;
	const struct migrate_region *region = &m->region[piece->region];
	uint64_t page = piece->first;
	int rc = 0;

	for (; !rc && page < piece->end;
	     page = bitmap_next(m->bitmap[piece->region], piece->end,
				page + 1)) {
		uint64_t gfn = region->gpa / WIRE_PAGE_BYTES + page;

		if (bitmap_test(piece->touched, page - piece->first))
			rc = add_page(p, piece->region, gfn,
				      region->hva + page * WIRE_PAGE_BYTES);
		else
			rc = add_zero(p, piece->region, gfn);
	}
	/* The next piece may be anywhere. */
	return rc ? rc : hand_out(p);
}

int packer_piece(struct packer *p, const struct feed_piece *piece)
{
	uint64_t begin_ns = clock_now_ns();
	int rc;

	p->payload = false;
	rc = add_pages(p, piece);
	/* Finding zero pages is no transfer. */
	if (!p->payload)
		p->idle_ns += clock_now_ns() - begin_ns;
	return rc;
}
