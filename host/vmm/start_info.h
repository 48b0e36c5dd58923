/* SPDX-License-Identifier: MIT */
/*
 * What PVH hands over. Source: Xen, xen/include/public/arch-x86/hvm/
 * start_info.h, version 1.
 */
#ifndef VMFERRY_VMM_START_INFO_H
#define VMFERRY_VMM_START_INFO_H

#include <stdint.h>

#define START_MAGIC 0x336ec578u
#define MEMMAP_RAM 1u
#define MEMMAP_RESERVED 2u

struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct start_module {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

struct start_memmap {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

_Static_assert(sizeof(struct start_info) == 56, "Xen's layout");
_Static_assert(sizeof(struct start_module) == 32, "Xen's layout");
_Static_assert(sizeof(struct start_memmap) == 24, "Xen's layout");

#endif
