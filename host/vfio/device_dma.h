/* SPDX-License-Identifier: MIT */
/* The client's memory as the device sees it: what it may read and write. */
#ifndef VMFERRY_VFIO_DEVICE_DMA_H
#define VMFERRY_VFIO_DEVICE_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/user_proto.h"

struct dma_region {
	uint64_t address, size; /* whole pages; the end does not wrap */
	uint32_t flags; /* USER_DMA_* */
	uint8_t *hva; /* NULL = by messages */
	bool sealed; /* cannot be taken away under our hands */
};

struct dma_table {
	struct dma_region *list; /* sorted by address, disjoint */
	size_t nr, room;
};

/**
 * dma_table_add() - a region more.
 * @fd: mapped and left to the caller; -1 = none.
 * @overlap: let it overlap (a deliberate fault).
 *
 * Return: 0; -EINVAL: sizes, alignment, wrap-around, flags; -EEXIST: overlaps;
 * -ENOSPC: too many; or what mmap(2) said.
 */
int dma_table_add(struct dma_table *t, const struct user_dma_map *map, int fd,
		  bool overlap);
/* -ENOENT unless exactly that region is there. */
int dma_table_remove(struct dma_table *t, uint64_t address, uint64_t size);
/* Is exactly that region there? */
bool dma_table_has(const struct dma_table *t, uint64_t address, uint64_t size);
/* All of them. */
void dma_table_clear(struct dma_table *t);

/**
 * dma_table_find() - the region that holds all of a range.
 * @need: USER_DMA_*, all of them. Return: NULL if there is none.
 */
const struct dma_region *dma_table_find(const struct dma_table *t,
					uint64_t address, uint64_t bytes,
					uint32_t need);

/* Into and out of a region with an hva, within it. @bytes 8: in one piece.
 * Return: 0, or -EFAULT if the memory is not there any more. */
int dma_region_write(const struct dma_region *r, uint64_t address,
		     const void *data, size_t bytes);
int dma_region_read(const struct dma_region *r, uint64_t address, void *data,
		    size_t bytes);

#endif
