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

#include "base/error.h"

#define GUESTMEM_MAX_REGIONS 4u

/* Where things lie; fixed, so that source and target agree by construction.
 * Below 4 GiB RAM ends at 3 GiB: the rest is for the control area, device
 * windows, the IOAPIC (0xfec00000) and the LAPIC (0xfee00000). */
#define GUESTMEM_LOW_LIMIT 0xc0000000ull
#define GUESTMEM_CONTROL_GPA 0xd0000000ull
#define GUESTMEM_CONTROL_MAX_BYTES 0x10000000ull
#define GUESTMEM_HIGH_GPA 0x100000000ull

enum guestmem_backing {
	GUESTMEM_ANON, /* private, not reserved, the host's THP policy */
	GUESTMEM_MEMFD, /* shared, one memfd a region */
};

/* The region's index is its KVM memory slot. */
struct guestmem_region {
	uint64_t gpa; /* page-aligned */
	uint64_t bytes; /* whole pages */
	uint8_t *hva; /* 2 MiB-aligned */
	int memfd; /* -1 = anonymous; offset 0 is @gpa */
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
 * @ram_bytes: multiple of 2 MiB; up to 3 GiB lie at 0, the rest from 4 GiB.
 * @control_bytes: whole pages, up to GUESTMEM_CONTROL_MAX_BYTES; 0 = none.
 *	Always a memfd: a sampler in another process can map it.
 *
 * Nothing is touched: all pages are zero and unpopulated. Left out of core
 * dumps.
 *
 * Return: 0, -EINVAL, or what mmap or memfd_create said.
 */
int guestmem_init(struct guestmem *mem, uint64_t ram_bytes,
		  enum guestmem_backing backing, uint64_t control_bytes,
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
