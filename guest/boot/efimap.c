/* SPDX-License-Identifier: MIT */
/* UEFI's memory map and load options; knows no efi.h, so that it is tested on
 * the host. */
#include "boot/efimap.h"

#include <stdbool.h>

#include "lib/string.h"

#define EFI_PAGE_SHIFT 12
#define LOW_END (1ull << 32)

enum efi_type {
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_CODE = 3,
	EFI_BOOT_DATA = 4,
	EFI_CONVENTIONAL = 7,
	EFI_UNUSABLE = 8,
	EFI_ACPI_RECLAIM = 9,
	EFI_ACPI_NVS = 10,
};

struct efi_entry {
	uint32_t type;
	uint32_t pad;
	uint64_t start;
	uint64_t virtual_start;
	uint64_t nr_pages;
	uint64_t attributes;
};

static uint32_t e820_type(uint32_t type)
{
	switch (type) {
	case EFI_LOADER_CODE:
	case EFI_LOADER_DATA:
	case EFI_BOOT_CODE:
	case EFI_BOOT_DATA:
	case EFI_CONVENTIONAL:
		return E820_RAM;
	case EFI_UNUSABLE:
		return E820_BAD;
	case EFI_ACPI_RECLAIM:
		return E820_ACPI;
	case EFI_ACPI_NVS:
		return E820_NVS;
	default:
		return E820_RESERVED;
	}
}

/* Entry @i, whatever its alignment; false past the end. */
static bool entry_at(const struct efi_map *map, uint64_t i,
		     struct efi_entry *ret)
{
	if (map->entry_bytes < sizeof(*ret) ||
	    i >= map->bytes / map->entry_bytes)
		return false;
	memcpy(ret, (const uint8_t *)map->at + i * map->entry_bytes,
	       sizeof(*ret));
	if (ret->nr_pages > UINT64_MAX >> EFI_PAGE_SHIFT)
		ret->nr_pages = UINT64_MAX >> EFI_PAGE_SHIFT;
	return true;
}

uint32_t efimap_convert(const struct efi_map *map, struct memmap_entry *e,
			uint32_t max)
{
	struct efi_entry d;
	uint32_t nr = 0;
	uint64_t i;

	for (i = 0; entry_at(map, i, &d); i++) {
		struct memmap_entry now = {
			.addr = d.start,
			.size = d.nr_pages << EFI_PAGE_SHIFT,
			.type = e820_type(d.type),
		};

		if (nr && e[nr - 1].type == now.type &&
		    e[nr - 1].addr + e[nr - 1].size == now.addr)
			e[nr - 1].size += now.size;
		else if (nr < max)
			e[nr++] = now;
	}
	return nr;
}

uint64_t efimap_find(const struct efi_map *map, uint64_t bytes, uint64_t align,
		     uint64_t above)
{
	uint64_t best = 0, i;
	struct efi_entry d;

	for (i = 0; entry_at(map, i, &d); i++) {
		uint64_t size = d.nr_pages << EFI_PAGE_SHIFT;
		uint64_t start = d.start < above ? above : d.start, end;

		if (d.type != EFI_CONVENTIONAL || d.start >= LOW_END ||
		    start >= LOW_END)
			continue;
		end = size > LOW_END - d.start ? LOW_END : d.start + size;
		start = (start + align - 1) & ~(align - 1);
		if (start < end && end - start >= bytes &&
		    (!best || start < best))
			best = start;
	}
	return best;
}

size_t efimap_text(const void *options, size_t bytes, char *text, size_t room)
{
	const uint8_t *at = options;
	size_t n = 0;

	for (; bytes >= 2 && n + 1 < room; bytes -= 2, at += 2) {
		uint32_t c = at[0] | (uint32_t)at[1] << 8;

		if (!c)
			break;
		text[n++] = c < 0x80 ? (char)c : '?';
	}
	text[n] = 0;
	return n;
}
