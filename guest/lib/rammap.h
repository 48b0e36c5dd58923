/* SPDX-License-Identifier: MIT */
/* An exact account of RAM: sorted ranges, each of one kind, without gaps. */
#ifndef VMFERRY_GUEST_RAMMAP_H
#define VMFERRY_GUEST_RAMMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"

struct rammap {
	uint32_t nr;
	bool full; /* something found no room; the map is not exact */
	struct abi_ram_range range[ABI_MAX_RAM_RANGES];
};

/* Add RAM that is not in the map yet. Whole pages. */
void rammap_add(struct rammap *map, uint64_t start, uint64_t end,
		uint32_t kind);

/**
 * rammap_mark() - say what the RAM between two addresses holds.
 * @start, @end: rounded outwards to whole pages; parts that are no RAM are
 * skipped.
 */
void rammap_mark(struct rammap *map, uint64_t start, uint64_t end,
		 uint32_t kind);

/**
 * rammap_take() - find free RAM and mark it.
 * @bytes: whole pages.
 * @align: of its address; a power of 2, whole pages.
 * @above: lowest address.
 *
 * Return: its address; 0 if there is none.
 */
uint64_t rammap_take(struct rammap *map, uint64_t bytes, uint64_t align,
		     uint64_t above, uint32_t kind);

uint64_t rammap_bytes(const struct rammap *map);

/**
 * rammap_largest() - the largest free ranges, largest first.
 * @ranges: room for @max.
 *
 * Return: how many.
 */
uint32_t rammap_largest(const struct rammap *map, struct oracle_range *ranges,
			uint32_t max);

#endif
