/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical memory: the regions, and the one checked way from a guest
 * address to a pointer.
 */
#ifndef VMFERRY_VMM_GUESTMEM_H
#define VMFERRY_VMM_GUESTMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/backing.h"
#include "base/error.h"

#define GUESTMEM_MAX_REGIONS 4u

/* Where things lie; fixed, so that source and target agree by construction.
 * Below 4 GiB RAM ends at 3 GiB: the rest is for the control area, device
 * windows, the IOAPIC (0xfec00000) and the LAPIC (0xfee00000). */
#define GUESTMEM_LOW_LIMIT 0xc0000000ull
#define GUESTMEM_CONTROL_GPA 0xd0000000ull
#define GUESTMEM_CONTROL_MAX_BYTES 0x10000000ull
#define GUESTMEM_HIGH_GPA 0x100000000ull

struct guestmem_params {
	uint64_t ram_bytes; /* multiple of 2 MiB and of the page size */
	uint64_t control_bytes; /* whole pages; 0 = no control area */
	enum backing_kind backing; /* of RAM */
	uint64_t page_bytes; /* 0 = the backing's own; see backing_check() */
	const char *path; /* BACKING_FILE: a folder, or a name not taken */
	bool prealloc; /* all of RAM is there when guestmem_init() returns */
};

/* The region's index is its KVM memory slot. */
struct guestmem_region {
	uint64_t gpa; /* page-aligned */
	uint64_t bytes; /* whole pages */
	uint8_t *hva; /* 2 MiB-aligned, and to its page size */
	int memfd; /* memfd or file, @gpa at its offset 0; -1 = anonymous */
	uint64_t page_bytes; /* that the host maps; 4 KiB for thp too */
	struct backing backing; /* what @hva and @memfd are of */
	const char *name; /* "ram-low", "control", "ram-high" */
	bool is_ram;
};

/* Regions are sorted by gpa and disjoint. */
struct guestmem {
	unsigned int nr_regions;
	struct guestmem_region region[GUESTMEM_MAX_REGIONS];
};

/**
 * guestmem_init() - map RAM and the control area.
 *
 * RAM up to 3 GiB lies at 0, the rest from 4 GiB. The control area is always
 * a memfd of 4 KiB pages: a sampler in another process can map it. Without
 * prealloc nothing is touched: all pages are zero and unpopulated, and RAM may
 * be more than the host has (hugetlb excepted: that is reserved). Left out of
 * core dumps. A file is unlinked before this returns.
 *
 * Return: 0; -EINVAL for what cannot be meant;
 * -EOPNOTSUPP if this host has no such pages, or not enough of them: @err has
 * the remedy; or what mmap, open or memfd_create said.
 */
int guestmem_init(struct guestmem *mem, const struct guestmem_params *params,
		  struct error *err);
void guestmem_exit(struct guestmem *mem);

/**
 * guestmem_at() - the host address of guest memory.
 * @bytes: length of the access; 0 is allowed and checks @gpa alone.
 *
 * Return: NULL outside of all regions or across the end of one.
 */
void *guestmem_at(const struct guestmem *mem, uint64_t gpa, uint64_t bytes);

/* The region of that name, or NULL. */
const struct guestmem_region *guestmem_region(const struct guestmem *mem,
					      const char *name);

#endif
