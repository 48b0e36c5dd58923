/* SPDX-License-Identifier: MIT */
/*
 * Sabotage of the engine: drop real bits from the last dirty log, and know
 * which pages are wrong on the target because of it.
 *
 * A page qualifies if the target holds an earlier visit of it, so that the
 * loss shows: for that, what was sent of each page last is remembered by its
 * visit.
 */
#ifndef VMFERRY_MACHINE_SKIP_DIRTY_H
#define VMFERRY_MACHINE_SKIP_DIRTY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/guestmem.h"

struct skip_dirty;

/**
 * skip_dirty_create() - get ready to drop @count pages.
 * @mem: of a machine with a control area and a workload that has started.
 * @dma: only pages of the DMA engines' slices: nobody but the devices' logs
 *	tells that those are dirty.
 *
 * Return: 0, -ENOMEM, or -EINVAL if there is no workload to damage.
 */
int skip_dirty_create(const struct guestmem *mem, uint64_t count, uint64_t seed,
		      bool dma, struct skip_dirty **ret_skip);
void skip_dirty_destroy(struct skip_dirty *s);

/* For struct migrate_observer. */
void skip_dirty_page_sent(struct skip_dirty *s, uint64_t gfn, const void *page);
void skip_dirty_final(struct skip_dirty *s, unsigned int region,
		      uint64_t *bitmap);

/* The gfns dropped, an array of integers. */
json_t *skip_dirty_gfns(const struct skip_dirty *s);

#endif
