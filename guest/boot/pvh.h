/* SPDX-License-Identifier: MIT */
/*
 * What the PVH entry takes.
 * Source: Xen include/public/arch-x86/hvm/start_info.h.
 */
#ifndef VMFERRY_GUEST_PVH_H
#define VMFERRY_GUEST_PVH_H

#include <stdint.h>

#define PVH_MAGIC 0x336ec578u

struct pvh_module {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr;
	uint64_t reserved;
};

struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr;
	uint64_t rsdp_paddr;
	/* version 1 and later */
	uint64_t memmap_paddr; /* struct memmap_entry[] */
	uint32_t memmap_entries;
	uint32_t reserved;
};

#endif
