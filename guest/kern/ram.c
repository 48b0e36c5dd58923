/* SPDX-License-Identifier: MIT */
/* From the boot information's ranges to the account of RAM. */
#include "kern/ram.h"

#include "kern/control.h"
#include "kern/panic.h"
#include "work/work.h"
#include "x86/paging.h"

#define MIB (1ull << 20)
/* The firmware's own data starts below this. */
#define LOW_TOP 0x9f000ull

#define LOW_END (1ull << 32)
/* SeaBIOS 1.16 leaves 132 KiB 16 MiB below the top. */
#define LEFTOVERS (17 * MIB)
#define PAGE_MASK ((uint64_t)ABI_PAGE_BYTES - 1)

extern uint8_t image_start[], image_data[], image_end[];

static void list_ram(struct rammap *map, const struct boot_info *boot)
{
	uint64_t done = 0;
	uint32_t i;

	for (i = 0; i < boot->nr_ram; i++) {
		uint64_t start = boot->ram[i].start, end = boot->ram[i].end;

		if (end > PAGING_MAX_BYTES)
			end = PAGING_MAX_BYTES;
		/* Below 1 MiB a partial page counts, above it does not. */
		if (start >= MIB)
			start = ABI_ALIGN_PAGE(start);
		if (end > MIB)
			end &= ~PAGE_MASK;
		start &= ~PAGE_MASK;
		end = ABI_ALIGN_PAGE(end);
		if (start < done)
			start = done;
		if (start >= end)
			continue;
		rammap_add(map, start, end, ABI_RAM_FREE);
		done = end;
	}
	if (!map->nr)
		panic("the boot information lists no RAM");
}

static void mark_taken(struct rammap *map, const struct boot_info *boot)
{
	uint32_t i;

	rammap_mark(map, 0, MIB, ABI_RAM_FIRMWARE);
	for (i = 0; i < boot->nr_used; i++)
		rammap_mark(map, boot->used[i].start, boot->used[i].end,
			    ABI_RAM_FIRMWARE);
	rammap_mark(map, (uint64_t)image_start, (uint64_t)image_data,
		    ABI_RAM_IMAGE);
	rammap_mark(map, (uint64_t)image_data, (uint64_t)image_end,
		    ABI_RAM_PRIVATE);
	rammap_mark(map, boot->control_gpa,
		    boot->control_gpa + boot->control_bytes, ABI_RAM_PRIVATE);
}

static void clean(const struct abi_ram_range *r)
{
	if (r->kind == ABI_RAM_FREE && r->gpa < LOW_END)
		work_clean_now(r->gpa, r->bytes);
}

/* UEFI has run programs all over low memory and clears nothing. */
static void clean_low(const struct rammap *map)
{
	uint32_t i;

	for (i = 0; i < map->nr; i++)
		clean(&map->range[i]);
}

/* A BIOS leaves what it does not need any more near the top of low memory. */
static void clean_top(const struct rammap *map)
{
	struct abi_ram_range last = { .bytes = 0 };
	uint32_t i;

	for (i = 0; i < map->nr; i++)
		if (map->range[i].kind == ABI_RAM_FREE &&
		    map->range[i].gpa < LOW_END)
			last = map->range[i];
	if (last.bytes > LEFTOVERS) {
		last.gpa += last.bytes - LEFTOVERS;
		last.bytes = LEFTOVERS;
	}
	clean(&last);
}

/* Free memory is zero. */
static void clean_leftovers(const struct rammap *map,
			    const struct boot_info *boot)
{
	bool bios = boot->door == BOOT_BIOS;
	uint32_t i;

	/* Its data area cuts the last page below 640 KiB in two. */
	for (i = 0; i < boot->nr_ram; i++)
		bios |= boot->ram[i].end < MIB &&
			(boot->ram[i].end & PAGE_MASK);
	if (boot->door == BOOT_UEFI)
		clean_low(map);
	else if (bios)
		clean_top(map);
}

/* The host's control area may lie above all RAM. */
static void map_high(struct rammap *map, const struct boot_info *boot)
{
	const struct abi_ram_range *last = &map->range[map->nr - 1];
	uint64_t top = last->gpa + last->bytes, bytes, tables = 0;

	if (top < boot->control_gpa + boot->control_bytes)
		top = boot->control_gpa + boot->control_bytes;
	bytes = paging_high_bytes(top);
	if (bytes)
		tables = rammap_take(map, bytes, ABI_PAGE_BYTES,
				     (uint64_t)image_end, ABI_RAM_PRIVATE);
	if (bytes && (!tables || tables + bytes > LOW_END))
		panic("no room for page tables below 4 GiB");
	paging_map_high(top, tables);
}

void ram_init(struct rammap *map, const struct boot_info *boot)
{
	list_ram(map, boot);
	mark_taken(map, boot);
	clean_leftovers(map, boot);
	map_high(map, boot);
}

uint64_t ram_find_trampoline(const struct boot_info *boot)
{
	uint64_t page;
	uint32_t i;

	for (page = LOW_TOP - ABI_PAGE_BYTES; page; page -= ABI_PAGE_BYTES) {
		uint64_t end = page + ABI_PAGE_BYTES;
		bool ram = false, used = false;

		for (i = 0; i < boot->nr_ram; i++)
			ram |= boot->ram[i].start <= page &&
			       boot->ram[i].end >= end;
		for (i = 0; i < boot->nr_used; i++)
			used |= boot->used[i].start < end &&
				boot->used[i].end > page;
		if (ram && !used)
			return page;
	}
	return 0;
}

/* Without a working set. */
static struct rammap account;

void ram_publish(const struct rammap *map)
{
	uint32_t i;

	account = *map;
	work.nr_all = rammap_largest(map, work.all, ABI_MAX_WORK_RANGES);
	for (i = 0; i < work.nr_all; i++)
		work.nr_all_pages += work.all[i].nr_pages;
	control_begin_change();
	control_write_ram(&account);
	control_end_change();
}

const struct rammap *ram_account(void)
{
	return &account;
}

uint64_t ram_bytes(void)
{
	return rammap_bytes(&account);
}
