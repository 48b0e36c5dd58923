/* SPDX-License-Identifier: MIT */
/* What is to be sent in a round, piece by piece: one pass over the bitmap. */
#include "migrate/feed.h"

#include <errno.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/clock.h"

void feed_init(struct feed *f, const struct migrate_vm_ops *ops, void *vm,
	       const struct memory *memory)
{
	memset(f, 0, sizeof(*f));
	f->ops = ops;
	f->vm = vm;
	f->memory = memory;
	pthread_mutex_init(&f->lock, NULL);
}

void feed_exit(struct feed *f)
{
	pthread_mutex_destroy(&f->lock);
}

void feed_rewind(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->region = 0;
	f->page = 0;
	f->cleared = 0;
	pthread_mutex_unlock(&f->lock);
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Lock held. Goes on to the next page that is set; false: there is none. */
static bool find(struct feed *f)
{
	while (f->region < f->memory->nr_regions) {
		uint64_t pages = memory_pages(f->memory, f->region);

		f->page = bitmap_next(f->memory->bitmap[f->region], pages,
				      f->page);
		if (f->page < pages)
			return true;
		f->region++;
		f->page = 0;
		f->cleared = 0;
	}
	return false;
}

/* Lock held: who comes for the next piece must find it cleared. */
static int clear(struct feed *f, struct error *err)
{
	uint64_t pages = memory_pages(f->memory, f->region);
	uint64_t first = f->page / FEED_CHUNK_PAGES * FEED_CHUNK_PAGES;
	uint64_t end = min(first + FEED_CHUNK_PAGES, pages);
	int rc;

	if (f->stopped || f->page < f->cleared)
		return 0;
	rc = f->ops->clear_dirty(f->vm, f->region, first, end - first,
				 f->memory->bitmap[f->region]);
	if (rc)
		return error_set(err, rc,
				 "the dirty log could not be cleared: %s",
				 strerrordesc_np(-rc));
	f->cleared = end;
	return 0;
}

/* Lock held. */
static int take(struct feed *f, struct feed_piece *piece, struct error *err)
{
	uint64_t pages, end;
	int rc;

	if (f->failed)
		return -ECONNABORTED;
	if (!find(f))
		return 0;
	rc = clear(f, err);
	if (rc)
		return rc;
	pages = memory_pages(f->memory, f->region);
	end = (f->page / FEED_PIECE_PAGES + 1) * FEED_PIECE_PAGES;
	*piece = (struct feed_piece){ f->region, f->page, min(end, pages) };
	f->page = piece->end;
	return 1;
}

int feed_take(struct feed *f, struct feed_piece *ret_piece, struct error *err)
{
	int rc;

	pthread_mutex_lock(&f->lock);
	rc = take(f, ret_piece, err);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

void feed_fail(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->failed = true;
	pthread_mutex_unlock(&f->lock);
}

bool feed_failed(struct feed *f)
{
	bool failed;

	pthread_mutex_lock(&f->lock);
	failed = f->failed;
	pthread_mutex_unlock(&f->lock);
	return failed;
}

uint64_t feed_delay_ns(struct feed *f, uint64_t rate_bytes_per_s)
{
	uint64_t delay_ns;

	if (f->stopped)
		return 0;
	pthread_mutex_lock(&f->lock);
	delay_ns =
		limiter_delay_ns(&f->limiter, clock_now_ns(), rate_bytes_per_s);
	pthread_mutex_unlock(&f->lock);
	return delay_ns;
}

void feed_sent(struct feed *f, uint64_t bytes)
{
	pthread_mutex_lock(&f->lock);
	limiter_sent(&f->limiter, bytes);
	pthread_mutex_unlock(&f->lock);
}
