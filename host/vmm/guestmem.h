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
	bool awaited; /* RAM will be handed over: reserve no page for it */
	bool unreserved; /* reserve no page either */
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
	bool adopted; /* another machine's, for reading only */
};

/* Regions are sorted by gpa and disjoint. */
struct guestmem {
	int pagemap_fd; /* ours; -1 = not to be had */
	unsigned int nr_regions;
	struct guestmem_region region[GUESTMEM_MAX_REGIONS];
};

/**
 * guestmem_init() - map RAM and the control area.
 *
 * RAM up to 3 GiB lies at 0, the rest from 4 GiB. The control area is always
 * a memfd of 4 KiB pages: a sampler in another process can map it. Nothing is
 * touched: all pages are zero and unpopulated, and RAM may be more than the
 * host has (hugetlb excepted: that is reserved). Left out of core dumps. A file is unlinked before this returns.
 *
 * Return: 0; -EINVAL for what cannot be meant;
 * -EOPNOTSUPP if this host has no such pages, or not enough of them: @err has
 * the remedy; or what mmap, open or memfd_create said.
 */
int guestmem_init(struct guestmem *mem, const struct guestmem_params *params,
		  struct error *err);
void guestmem_exit(struct guestmem *mem);

/**
 * guestmem_touched() - which pages may hold anything but zeros.
 * @first, @nr: pages of region @index; @nr at most TOUCHED_MAX_PAGES.
 * @ret_bits: as touched_private() has it.
 *
 * Return: 0, or -errno: all of them may. Context: one caller at a time.
 */
int guestmem_touched(const struct guestmem *mem, unsigned int index,
		     uint64_t first, unsigned int nr, uint64_t *ret_bits);

/**
 * guestmem_is_sealed() - may that region be handed over to another process?
 *
 * RAM in a memfd whose size cannot change.
 */
bool guestmem_is_sealed(const struct guestmem_region *r);

/**
 * guestmem_adopt() - put the memory of @fd in the place of RAM @index.
 * @fd: of a stranger: must be a sealed memfd of that size, with pages of the
 *	same size. Taken over whatever happens.
 *
 * At the same address, for reading only until guestmem_take(); the region's
 * memfd keeps its number. What was there is lost.
 *
 * Return: 0; -EPROTO for another file than that; or -errno. A sentence.
 */
int guestmem_adopt(struct guestmem *mem, unsigned int index, int fd,
		   struct error *err);
/* What was adopted may be written from now on. */
int guestmem_take(struct guestmem *mem);
/* RAM that could be handed over was: it is not accessible any more. */
int guestmem_drop(struct guestmem *mem);

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
