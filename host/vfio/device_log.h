/* SPDX-License-Identifier: MIT */
/* Dirty logging: the pages that the device wrote, until somebody asks. */
#ifndef VMFERRY_VFIO_DEVICE_LOG_H
#define VMFERRY_VFIO_DEVICE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/uapi.h"

#define LOG_PAGE_BYTES 4096ull
/* One piece of the log: a bitmap of as many pages. */
#define LOG_PIECE_PAGES 32768ull

struct log_piece {
	uint64_t first_page; /* a multiple of LOG_PIECE_PAGES */
	uint64_t *map;
};

struct dma_log {
	bool active;
	bool overflown; /* without memory: all of it counts as dirty */
	struct mig_logging_range ranges[MIG_LOGGING_MAX_RANGES];
	uint32_t nr_ranges; /* 0 = everything */
	struct log_piece *list; /* sorted */
	size_t nr, room;
};

/**
 * dma_log_start() - log from here on, from nothing.
 * @page_size: a hint; the log's own is LOG_PAGE_BYTES.
 * @ranges: @nr of them, possibly hostile; none = all writes.
 *
 * Return: 0; -EINVAL: already on, or ranges empty, unaligned or overlapping;
 * -E2BIG: more than MIG_LOGGING_MAX_RANGES; -EOVERFLOW: a range wraps around.
 * Source: linux/vfio.h, DMA_LOGGING_START; vfio-user for no ranges.
 */
int dma_log_start(struct dma_log *log, uint64_t page_size,
		  const struct mig_logging_range *ranges, uint32_t nr);
/* Also of one that is off. */
void dma_log_stop(struct dma_log *log);
/* The bytes at @address were written. */
void dma_log_mark(struct dma_log *log, uint64_t address, uint64_t bytes);

/* Bytes of the bitmap of @r, whole 64-bit words; -EINVAL or -EOVERFLOW if @r
 * is not valid. */
int dma_log_bitmap_bytes(const struct mig_logging_report *r, uint64_t *ret);

/**
 * dma_log_report() - what was written in a range; forget it.
 * @r: checked by dma_log_bitmap_bytes(). Bit 0 is the range's first page.
 * @map: zeroed, of that size. @keep: forget nothing (a deliberate fault).
 *
 * Return: 0, or -EINVAL if logging is off.
 */
int dma_log_report(struct dma_log *log, const struct mig_logging_report *r,
		   uint64_t *map, bool keep);

#endif
