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
#define ENTRIES 512u
#define CPUID_GIB_PAGES (1u << 26)

/* entry.asm starts with these; the four directories are adjacent. */
uint64_t paging_pml4[ENTRIES]
	__attribute__((section(".bss.page"), aligned(4096)));
uint64_t paging_pdpt[ENTRIES]
	__attribute__((section(".bss.page"), aligned(4096)));
uint64_t paging_pd[4 * ENTRIES]
	__attribute__((section(".bss.page"), aligned(4096)));

struct paging_job {
	uint64_t *pd; /* NULL: 1 GiB pages */
	uint64_t first_gib;
	uint64_t end_gib;
};

static bool paging_has_gib_pages(void)
{
	return cpuid(0x80000000, 0).eax >= 0x80000001 &&
	       (cpuid(0x80000001, 0).edx & CPUID_GIB_PAGES);
}

/* Ring 3. */
static uint64_t paging_fill(void *arg)
{
	const struct paging_job *job = arg;
	uint64_t gib, i, *pd = job->pd;

	for (gib = job->first_gib; gib < job->end_gib; gib++) {
		if (!pd) {
			paging_pdpt[gib] = gib << GIB_SHIFT | MAP_LARGE;
			continue;
		}
		for (i = 0; i < ENTRIES; i++)
			pd[i] = gib << GIB_SHIFT | i << 21 | MAP_LARGE;
		paging_pdpt[gib] = (uint64_t)pd | MAP_TABLE;
		pd += ENTRIES;
	}
	return 0;
}

static uint64_t paging_end_gib(uint64_t ram_top)
{
	uint64_t end = (ram_top + (1ull << GIB_SHIFT) - 1) >> GIB_SHIFT;

	return end < ENTRIES ? end : ENTRIES;
}

uint64_t paging_high_bytes(uint64_t ram_top)
{
	uint64_t end = paging_end_gib(ram_top);

	if (end <= 4 || paging_has_gib_pages())
		return 0;
	return (end - 4) * 4096;
}

void paging_map_low(void)
{
	struct paging_job job = { .pd = paging_pd, .end_gib = 4 };

	if (paging_has_gib_pages())
		job.pd = NULL;
	user_enter(paging_fill, &job);
	write_cr3(read_cr3());
}

void paging_map_high(uint64_t ram_top, uint64_t tables)
{
	struct paging_job job = {
		.pd = (uint64_t *)tables,
		.first_gib = 4,
		.end_gib = paging_end_gib(ram_top),
	};

	if (job.end_gib > 4)
		user_enter(paging_fill, &job);
}
