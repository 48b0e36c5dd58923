/* SPDX-License-Identifier: MIT */
/* What UEFI hands over, in the forms that the PVH door takes. */
#ifndef VMFERRY_GUEST_EFIMAP_H
#define VMFERRY_GUEST_EFIMAP_H

#include <stddef.h>
#include <stdint.h>

#include "boot/memmap.h"

/* A memory map as GetMemoryMap() gave it. */
struct efi_map {
	const void *at;
	uint64_t bytes;
	uint64_t entry_bytes; /* may be more than the structure has */
};

/**
 * efimap_convert() - what the kernel may use once boot services are gone.
 * @e: room for @max entries; neighbours of one type become one.
 *
 * Return: how many; entries that find no room are left out.
 * Source: UEFI 2.10, 7.2.3, table 7.10.
 */
uint32_t efimap_convert(const struct efi_map *map, struct memmap_entry *e,
			uint32_t max);

/**
 * efimap_find() - a place for the image.
 * @bytes: of RAM that nobody uses now.
 * @above: lowest base.
 *
 * Return: the lowest multiple of @align below 4 GiB; 0 if there is none.
 */
uint64_t efimap_find(const struct efi_map *map, uint64_t bytes, uint64_t align,
		     uint64_t above);

/**
 * efimap_text() - load options, UCS-2, as words.
 * @bytes: of @options; may be odd, and need not end in a NUL.
 * @text: room for @room, at least 1; NUL-terminated afterwards.
 *
 * What is not ASCII becomes a question mark.
 *
 * Return: the length of @text.
 */
size_t efimap_text(const void *options, size_t bytes, char *text, size_t room);

#endif
