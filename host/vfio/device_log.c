/* SPDX-License-Identifier: MIT */
/* The log of DMA writes: pieces of bitmap, made where something is written. */
#include "vfio/device_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"

/* 256 MiB of bitmaps; the log of 8 TiB. */
#define MAX_PIECES 65536u

static bool ranges_overlap(const struct mig_logging_range *a,
			   const struct mig_logging_range *b)
{
	return a->iova < b->iova + b->length && b->iova < a->iova + a->length;
}

static int range_valid(const struct mig_logging_range *ranges, uint32_t i,
		       uint64_t page_size)
{
	const struct mig_logging_range *r = &ranges[i];
	uint32_t j;

	if (!r->length || r->iova % page_size || r->length % page_size)
		return -EINVAL;
	if (r->iova > UINT64_MAX - r->length)
		return -EOVERFLOW;
	for (j = 0; j < i; j++)
		if (ranges_overlap(r, &ranges[j]))
			return -EINVAL;
	return 0;
}

static bool page_size_valid(uint64_t bytes)
{
	return bytes >= LOG_PAGE_BYTES && !(bytes & (bytes - 1));
}

int dma_log_start(struct dma_log *log, uint64_t page_size,
		  const struct mig_logging_range *ranges, uint32_t nr)
{
	uint32_t i;
	int rc = 0;

	if (nr > MIG_LOGGING_MAX_RANGES)
		return -E2BIG;
	if (log->active || !page_size_valid(page_size))
		return -EINVAL;
	for (i = 0; i < nr && !rc; i++)
		rc = range_valid(ranges, i, LOG_PAGE_BYTES);
	if (rc)
		return rc;
	dma_log_stop(log);
	if (nr)
		memcpy(log->ranges, ranges, nr * sizeof(*ranges));
	log->nr_ranges = nr;
	log->active = true;
	return 0;
}

void dma_log_stop(struct dma_log *log)
{
	while (log->nr)
		free(log->list[--log->nr].map);
	free(log->list);
	memset(log, 0, sizeof(*log));
}

/* First piece at or behind @first_page. */
static size_t piece_bound(const struct dma_log *log, uint64_t first_page)
{
	size_t low = 0, high = log->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (log->list[mid].first_page < first_page)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct log_piece *piece_insert(struct dma_log *log, size_t at,
				      uint64_t first_page)
{
	size_t room = log->room ? 2 * log->room : 16;
	struct log_piece *list = log->list;
	uint64_t *map;

	if (log->nr == MAX_PIECES)
		return NULL;
	if (log->nr == log->room) {
		list = realloc(log->list, room * sizeof(*list));
		if (!list)
			return NULL;
		log->list = list;
		log->room = room;
	}
	map = calloc(1, LOG_PIECE_PAGES / 8);
	if (!map)
		return NULL;
	memmove(list + at + 1, list + at, (log->nr - at) * sizeof(*list));
	list[at] = (struct log_piece){ first_page, map };
	log->nr++;
	return &list[at];
}

static bool is_watched(const struct dma_log *log, uint64_t page)
{
	uint64_t address = page * LOG_PAGE_BYTES;
	uint32_t i;

	for (i = 0; i < log->nr_ranges; i++)
		if (address - log->ranges[i].iova < log->ranges[i].length)
			return true;
	return !log->nr_ranges;
}

static void mark_page(struct dma_log *log, uint64_t page)
{
	uint64_t first = page / LOG_PIECE_PAGES * LOG_PIECE_PAGES;
	size_t at = piece_bound(log, first);
	struct log_piece *p = log->list + at;

	if (at == log->nr || p->first_page != first)
		p = piece_insert(log, at, first);
	if (p)
		bitmap_set(p->map, page - first);
	else
		log->overflown = true;
}

void dma_log_mark(struct dma_log *log, uint64_t address, uint64_t bytes)
{
	uint64_t page = address / LOG_PAGE_BYTES;
	uint64_t last = bytes ? (address + bytes - 1) / LOG_PAGE_BYTES : 0;

	for (; log->active && page <= last; page++)
		if (is_watched(log, page))
			mark_page(log, page);
}

int dma_log_bitmap_bytes(const struct mig_logging_report *r, uint64_t *ret)
{
	uint64_t bits;

	if (!page_size_valid(r->page_size) || !r->length ||
	    r->iova % LOG_PAGE_BYTES)
		return -EINVAL;
	if (r->iova > UINT64_MAX - r->length)
		return -EOVERFLOW;
	bits = r->length / r->page_size + !!(r->length % r->page_size);
	*ret = bits / 64 * 8 + (bits % 64 ? 8 : 0);
	return 0;
}

/* Pages [@first, @end) that lie in @p and are set. */
static void report_piece(const struct log_piece *p, uint64_t first,
			 uint64_t end, const struct mig_logging_report *r,
			 uint64_t *map, bool keep)
{
	uint64_t base = p->first_page, bit, to;

	bit = first > base ? first - base : 0;
	to = end - base < LOG_PIECE_PAGES ? end - base : LOG_PIECE_PAGES;
	for (bit = bitmap_next(p->map, to, bit); bit < to;
	     bit = bitmap_next(p->map, to, bit + 1)) {
		uint64_t at = (base + bit) * LOG_PAGE_BYTES - r->iova;

		bitmap_set(map, at / r->page_size);
		if (!keep)
			bitmap_clear(p->map, bit);
	}
}

int dma_log_report(struct dma_log *log, const struct mig_logging_report *r,
		   uint64_t *map, bool keep)
{
	uint64_t first = r->iova / LOG_PAGE_BYTES;
	uint64_t end = (r->iova + r->length - 1) / LOG_PAGE_BYTES + 1;
	size_t i;

	if (!log->active)
		return -EINVAL;
	if (log->overflown)
		bitmap_set_range(map, 0, (r->length - 1) / r->page_size + 1);
	i = piece_bound(log, first / LOG_PIECE_PAGES * LOG_PIECE_PAGES);
	for (; i < log->nr && log->list[i].first_page < end; i++)
		report_piece(&log->list[i], first, end, r, map, keep);
	return 0;
}
