/* SPDX-License-Identifier: MIT */
/*
 * Device memory. Below 4 GiB it is mapped already, perhaps by a page of 1 GiB
 * which has RAM in it too: that is cut into the pages of 2 MiB that the entry
 * started with. Above, where no RAM lies, some spare tables do.
 */
#include "x86/uncached.h"

#include "x86/paging.h"
#include "x86/smp.h"

#define MAP_TABLE 0x07ull
#define MAP_LARGE 0x87ull
#define MAP_UNCACHED 0x18ull /* PCD, PWT: UC by the PAT of a reset */
#define IS_LARGE 0x80ull
#define ADDRESS 0x000ffffffffff000ull
#define ENTRIES 512u
#define GIB_SHIFT 30
#define PAGE_SHIFT 21
#define LOW_GIB 4u
#define NR_SPARE 4u

/* All in .bss.page are whole pages. */
static uint64_t spare[NR_SPARE][ENTRIES] __attribute__((section(".bss.page")));
static uint32_t spare_used;

static uint64_t *table_at(uint64_t *entry)
{
	if (!*entry) {
		if (spare_used == NR_SPARE)
			return 0;
		*entry = (uint64_t)spare[spare_used++] | MAP_TABLE;
	}
	return *entry & IS_LARGE ? 0 : (uint64_t *)(*entry & ADDRESS);
}

/* A page of 1 GiB below 4 GiB, as 512 that map the same. */
static void cut(uint64_t *entry, uint64_t gib)
{
	uint64_t *pd = paging_pd + gib * ENTRIES, i;

	for (i = 0; i < ENTRIES; i++)
		pd[i] = gib << GIB_SHIFT | i << PAGE_SHIFT | MAP_LARGE;
	compiler_barrier();
	*entry = (uint64_t)pd | MAP_TABLE;
}

/* @changed: set if it was mapped otherwise. */
static bool map_page(uint64_t gpa, bool *changed)
{
	uint64_t value = gpa | MAP_LARGE | MAP_UNCACHED, gib = gpa >> GIB_SHIFT;
	uint64_t *table = table_at(&paging_pml4[gib / ENTRIES]), *entry;

	if (!table)
		return false;
	entry = &table[gib % ENTRIES];
	if (gib < LOW_GIB && (*entry & IS_LARGE))
		cut(entry, gib);
	table = table_at(entry);
	if (!table)
		return false;
	entry = &table[gpa >> PAGE_SHIFT & (ENTRIES - 1)];
	/* Accessed and dirty: the CPU's. */
	*changed |= (*entry & ~0x60ull) != value;
	*entry = value;
	return true;
}

static void job_flush(struct cpu *cpu)
{
	(void)cpu;
	write_cr3(read_cr3());
}

bool uncached_map(uint64_t gpa, uint64_t bytes)
{
	uint64_t at = gpa >> PAGE_SHIFT, end;
	bool changed = false;

	if (gpa >= PAGING_MAX_BYTES || bytes > PAGING_MAX_BYTES - gpa)
		return false;
	end = (gpa + bytes + (1ull << PAGE_SHIFT) - 1) >> PAGE_SHIFT;
	for (; at < end; at++)
		if (!map_page(at << PAGE_SHIFT, &changed))
			return false;
	if (changed)
		smp_call_all(job_flush);
	return true;
}
