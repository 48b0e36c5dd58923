/* SPDX-License-Identifier: MIT */
/* Boot data that is wrong on purpose. */
#include "vmm/boot_fault.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/loader.h"
#include "vmm/start_info.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define LOW_BYTES MIB
#define MIN_BYTES (16 * MIB)
/* Where nobody is, and no guest can look that early. */
#define OUT_OF_REACH (1ull << 40)

/* Behind what the loader uses, in the lowest MiB. */
#define MAP_GPA (256 * KIB)
#define MAP_ENTRIES 1100u
#define CMDLINE_GPA (320 * KIB)
#define CMDLINE_BYTES (64 * KIB)
/* Where a guest looks for it, BIOS or not. */
#define RSDP_GPA (0xe0000 + 64ull)
#define XSDT_GPA 0xe1000ull
#define MADT_GPA 0xe2000ull
#define SMBIOS_GPA (0xf0000 + 16ull)
#define SMBIOS_TABLE_GPA 0xf1000ull

struct boot_fault_job {
	uint8_t *low; /* the lowest MiB */
	struct start_info *info;
	struct start_memmap *map; /* room for MAP_ENTRIES */
	char *cmdline; /* room for CMDLINE_BYTES */
	uint64_t low_bytes; /* RAM from 0 */
	uint64_t high_gpa, high_bytes; /* and above 4 GiB, if any */
};

static void add(struct boot_fault_job *j, uint32_t type, uint64_t addr,
		uint64_t size)
{
	j->map[j->info->memmap_entries++] = (struct start_memmap){
		.addr = addr, .size = size, .type = type
	};
}

static void add_ram(struct boot_fault_job *j)
{
	add(j, MEMMAP_RAM, 0, j->low_bytes);
	if (j->high_bytes)
		add(j, MEMMAP_RAM, j->high_gpa, j->high_bytes);
}

static void bare(struct boot_fault_job *j)
{
	add_ram(j);
}

static void e820_overlap(struct boot_fault_job *j)
{
	add(j, MEMMAP_RAM, 8 * MIB, j->low_bytes - 8 * MIB);
	add(j, MEMMAP_RESERVED, 9 * MIB - 5, 4097);
	add_ram(j);
	add(j, MEMMAP_RAM, 4 * MIB, 6 * MIB);
	add(j, MEMMAP_RESERVED, 9 * MIB, 64 * KIB);
	add(j, MEMMAP_RAM, 4 * MIB, 6 * MIB);
	/* A type that nobody knows is no RAM. */
	add(j, 77, 12 * MIB + 1, 1);
}

static void e820_zero(struct boot_fault_job *j)
{
	add(j, MEMMAP_RAM, 0, 0);
	add(j, MEMMAP_RESERVED, 8 * MIB, 0);
	add(j, MEMMAP_RAM, UINT64_MAX, 0);
	add_ram(j);
	add(j, MEMMAP_RESERVED, 0, 0);
	add(j, MEMMAP_RESERVED, j->low_bytes, 0);
}

/* Past the end of the address space. */
static void e820_wrap(struct boot_fault_job *j)
{
	add_ram(j);
	add(j, MEMMAP_RESERVED, UINT64_MAX - 4095, 8192);
	add(j, MEMMAP_RAM, UINT64_MAX - 4095, UINT64_MAX);
}

static void e820_many(struct boot_fault_job *j)
{
	uint64_t at = 8 * MIB;

	add_ram(j);
	while (j->info->memmap_entries < MAP_ENTRIES) {
		add(j, MEMMAP_RESERVED, at, 4096);
		at += 8192;
		/* The first MiBs alone can have so many holes. */
		if (at >= j->low_bytes - MIB)
			at = 8 * MIB;
	}
}

static void e820_none(struct boot_fault_job *j)
{
	add(j, MEMMAP_RESERVED, 0, j->low_bytes);
}

static void e820_far(struct boot_fault_job *j)
{
	add_ram(j);
	j->info->memmap_paddr = OUT_OF_REACH;
}

/* Behind the words: nonsense, one word of it. */
static void cmdline_64k(struct boot_fault_job *j)
{
	size_t n = strlen(j->cmdline);

	add_ram(j);
	j->cmdline[n] = ' ';
	memset(j->cmdline + n + 1, 'x', CMDLINE_BYTES - n - 2);
}

static void cmdline_far(struct boot_fault_job *j)
{
	add_ram(j);
	j->info->cmdline_paddr = OUT_OF_REACH;
}

static void put(struct boot_fault_job *j, uint64_t gpa, uint64_t value,
		size_t bytes)
{
	memcpy(j->low + gpa, &value, bytes);
}

/* Sets the byte @at so that all of them add up to 0. */
static void fix_sum(struct boot_fault_job *j, uint64_t gpa, size_t bytes,
		    uint64_t at)
{
	uint8_t sum = 0;
	size_t i;

	j->low[at] = 0;
	for (i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + j->low[gpa + i]);
	j->low[at] = (uint8_t)-sum;
}

/* A root pointer of revision 2 that is right in itself. */
static void put_rsdp(struct boot_fault_job *j, uint64_t xsdt)
{
	memcpy(j->low + RSDP_GPA, "RSD PTR ", 8);
	put(j, RSDP_GPA + 15, 2, 1);
	put(j, RSDP_GPA + 20, 36, 4);
	put(j, RSDP_GPA + 24, xsdt, 8);
	fix_sum(j, RSDP_GPA, 20, RSDP_GPA + 8);
}

static void rsdp_broken(struct boot_fault_job *j)
{
	add_ram(j);
	put_rsdp(j, XSDT_GPA);
	memcpy(j->low + XSDT_GPA, "XSDT", 4);
	/* Shorter than its own header. */
	put(j, XSDT_GPA + 4, 7, 4);
}

static void rsdp_far(struct boot_fault_job *j)
{
	add_ram(j);
	j->info->rsdp_paddr = OUT_OF_REACH;
}

static void madt_broken(struct boot_fault_job *j)
{
	add_ram(j);
	put_rsdp(j, XSDT_GPA);
	memcpy(j->low + XSDT_GPA, "XSDT", 4);
	put(j, XSDT_GPA + 4, 36 + 2 * 8, 4);
	put(j, XSDT_GPA + 36, OUT_OF_REACH, 8);
	put(j, XSDT_GPA + 44, MADT_GPA, 8);
	memcpy(j->low + MADT_GPA, "APIC", 4);
	put(j, MADT_GPA + 4, 44 + 8 + 16, 4);
	/* One vCPU, then an entry of no length. */
	put(j, MADT_GPA + 44, 0x0800, 4);
	put(j, MADT_GPA + 48, 1, 4);
	put(j, MADT_GPA + 52, 0x0009, 2);
}

static void put_smbios(struct boot_fault_job *j, uint64_t table, uint16_t bytes)
{
	memcpy(j->low + SMBIOS_GPA, "_SM_", 4);
	put(j, SMBIOS_GPA + 5, 31, 1);
	put(j, SMBIOS_GPA + 22, bytes, 2);
	put(j, SMBIOS_GPA + 24, table, 4);
	fix_sum(j, SMBIOS_GPA, 31, SMBIOS_GPA + 4);
}

/* OEM strings whose last one never ends. */
static void smbios_broken(struct boot_fault_job *j)
{
	static const char strings[] = "\x0b\x05\x00\x00\x01vmferry:seed=7";

	add_ram(j);
	memcpy(j->low + SMBIOS_TABLE_GPA, strings, sizeof(strings) - 1);
	put_smbios(j, SMBIOS_TABLE_GPA, sizeof(strings) - 1);
}

static void smbios_far(struct boot_fault_job *j)
{
	add_ram(j);
	put_smbios(j, 0xfffffff0, 0xffff);
}

/* Modules that are not there, more than anybody has. */
static void modules_far(struct boot_fault_job *j)
{
	add_ram(j);
	j->info->nr_modules = UINT32_MAX;
	j->info->modlist_paddr = OUT_OF_REACH;
}

const struct boot_fault boot_faults[] = {
	{ "bare", "nothing is wrong, but ACPI and SMBIOS are absent", bare },
	{ "e820-overlap", "memory map: entries overlap, in no order",
	  e820_overlap },
	{ "e820-zero", "memory map: entries of no length", e820_zero },
	{ "e820-wrap", "memory map: entries past the end of all addresses",
	  e820_wrap },
	{ "e820-many", "memory map: 1100 entries, RAM full of holes",
	  e820_many },
	{ "e820-none", "memory map: all RAM is reserved", e820_none },
	{ "e820-far", "memory map: lies where nothing is", e820_far },
	{ "cmdline-64k", "command line: 64 KiB", cmdline_64k },
	{ "cmdline-far", "command line: lies where nothing is", cmdline_far },
	{ "rsdp-broken", "ACPI: the root table is too short", rsdp_broken },
	{ "rsdp-far", "ACPI: the root pointer lies where nothing is",
	  rsdp_far },
	{ "madt-broken", "ACPI: a MADT entry of no length", madt_broken },
	{ "smbios-broken", "SMBIOS: a string without an end", smbios_broken },
	{ "smbios-far", "SMBIOS: the table lies where nothing is", smbios_far },
	{ "modules-far", "PVH: modules that are not there", modules_far },
	{ .name = NULL },
};

const struct boot_fault *boot_fault_find(const char *name)
{
	const struct boot_fault *f;

	for (f = boot_faults; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

int boot_fault_apply(const struct boot_fault *fault, const struct guestmem *mem,
		     const char *words, struct error *err)
{
	const struct guestmem_region *high = guestmem_region(mem, "ram-high");
	struct boot_fault_job j = { .low = guestmem_at(mem, 0, LOW_BYTES) };

	if (!guestmem_at(mem, 0, MIN_BYTES))
		return error_set(err, -EINVAL,
				 "a boot fault wants 16 MiB of RAM");
	if (strlen(words) >= LOADER_CMDLINE_MAX_BYTES)
		return error_set(err, -EINVAL,
				 "a boot fault takes fewer words");
	j.low_bytes = mem->region[0].bytes;
	if (high) {
		j.high_gpa = high->gpa;
		j.high_bytes = high->bytes;
	}
	j.info = (void *)(j.low + LOADER_INFO_GPA);
	j.map = (void *)(j.low + MAP_GPA);
	j.cmdline = (void *)(j.low + CMDLINE_GPA);
	strcpy(j.cmdline, words);
	j.info->nr_modules = 0;
	j.info->modlist_paddr = 0;
	j.info->memmap_entries = 0;
	j.info->memmap_paddr = MAP_GPA;
	j.info->cmdline_paddr = CMDLINE_GPA;
	fault->apply(&j);
	return 0;
}
