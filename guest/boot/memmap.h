/* SPDX-License-Identifier: MIT */
/* Memory maps as firmware gives them, made sense of. */
#ifndef VMFERRY_GUEST_MEMMAP_H
#define VMFERRY_GUEST_MEMMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/bootinfo.h"

#define E820_RAM 1u
#define E820_RESERVED 2u
#define E820_ACPI 3u
#define E820_NVS 4u
#define E820_BAD 5u

/* Longer maps are read up to here. */
#define MEMMAP_MAX_ENTRIES 1024u

/* As in hvm_start_info. Source: Xen arch-x86/hvm/start_info.h. */
struct memmap_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type; /* E820_... */
	uint32_t reserved;
};

/**
 * memmap_usable() - the RAM of a map that nothing else in it claims.
 * @e: entries in any order; they may overlap, be empty, or run past the end of
 *	the address space.
 * @ranges: room for @max; sorted and disjoint afterwards, to the byte.
 * @ret_cut: true if something found no room; the smallest were left out.
 *
 * Return: how many.
 */
uint32_t memmap_usable(const struct memmap_entry *e, uint32_t nr,
		       struct boot_range *ranges, uint32_t max, bool *ret_cut);

#endif
