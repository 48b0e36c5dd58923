/* SPDX-License-Identifier: MIT */
/*
 * Page tables: 1 GiB pages where the CPU has them, else 2 MiB pages. They are
 * filled in ring 3, where thousands of stores cost nothing even when ring 0 is
 * emulated. Source: Intel SDM 3A, 4.5.
 */
#include "x86/paging.h"

#include <stdbool.h>

#include "x86/cpu.h"

#define MAP_TABLE 0x07ull
#define MAP_LARGE 0x87ull
#define GIB_SHIFT 30
#define LOW_GIB 4u
#define ENTRIES 512u
#define CPUID_GIB_PAGES (1u << 26)

/* entry.asm starts with these; the four directories are adjacent. */
uint64_t paging_pml4[ENTRIES] __attribute__((section(".bss.page")));
uint64_t paging_pdpt[ENTRIES] __attribute__((section(".bss.page")));
uint64_t paging_pd[4 * ENTRIES] __attribute__((section(".bss.page")));

struct paging_job {
	uint64_t *next; /* the next free table */
	bool gib_pages;
	uint64_t first_gib;
	uint64_t end_gib;
};

static bool paging_has_gib_pages(void)
{
	return cpuid(0x80000000, 0).eax >= 0x80000001 &&
	       (cpuid(0x80000001, 0).edx & CPUID_GIB_PAGES);
}

static uint64_t *take_table(struct paging_job *job)
{
	uint64_t *table = job->next;

	job->next += ENTRIES;
	return table;
}

static void map_gib(struct paging_job *job, uint64_t *entry, uint64_t gib)
{
	uint64_t i, *pd;

	if (job->gib_pages) {
		*entry = gib << GIB_SHIFT | MAP_LARGE;
		return;
	}
	pd = take_table(job);
	for (i = 0; i < ENTRIES; i++)
		pd[i] = gib << GIB_SHIFT | i << 21 | MAP_LARGE;
	*entry = (uint64_t)pd | MAP_TABLE;
}

/* Ring 3. */
static uint64_t paging_fill(void *arg)
{
	struct paging_job *job = arg;
	uint64_t *pdpt = paging_pdpt, gib, i;

	for (gib = job->first_gib; gib < job->end_gib; gib++) {
		if (gib && gib % ENTRIES == 0) {
			pdpt = take_table(job);
			for (i = 0; i < ENTRIES; i++)
				pdpt[i] = 0;
			paging_pml4[gib / ENTRIES] = (uint64_t)pdpt | MAP_TABLE;
		}
		map_gib(job, &pdpt[gib % ENTRIES], gib);
	}
	return 0;
}

static uint64_t paging_end_gib(uint64_t ram_top)
{
	if (ram_top > PAGING_MAX_BYTES)
		ram_top = PAGING_MAX_BYTES;
	return (ram_top + (1ull << GIB_SHIFT) - 1) >> GIB_SHIFT;
}

uint64_t paging_high_bytes(uint64_t ram_top)
{
	uint64_t end = paging_end_gib(ram_top), tables;

	if (end <= LOW_GIB)
		return 0;
	tables = (end - 1) / ENTRIES;
	if (!paging_has_gib_pages())
		tables += end - LOW_GIB;
	return tables * 4096;
}

void paging_map_low(void)
{
	struct paging_job job = {
		.next = paging_pd,
		.gib_pages = paging_has_gib_pages(),
		.end_gib = LOW_GIB,
	};

	user_enter(paging_fill, &job);
	write_cr3(read_cr3());
}

void paging_map_high(uint64_t ram_top, uint64_t tables)
{
	struct paging_job job = {
		.next = (uint64_t *)tables,
		.gib_pages = paging_has_gib_pages(),
		.first_gib = LOW_GIB,
		.end_gib = paging_end_gib(ram_top),
	};

	if (job.end_gib > LOW_GIB)
		user_enter(paging_fill, &job);
}
