/* SPDX-License-Identifier: MIT */
/* Our own ELF image, placed by our own loader. */
#ifndef VMFERRY_GUEST_PLACE_H
#define VMFERRY_GUEST_PLACE_H

#include <stdbool.h>
#include <stdint.h>

/* A base is a multiple of this; the image is at most that long. */
#define PLACE_ALIGN (2ull << 20)

/**
 * place_measure() - is this an image that we can place?
 * @ret_bytes: from its base to its end, whole pages.
 *
 * Return: false if it is damaged.
 */
bool place_measure(const void *elf, uint64_t bytes, uint64_t *ret_bytes);

/**
 * place_copy() - lay the image out at @base.
 * @elf: place_measure() has found it right.
 * @bytes: as place_measure() said.
 * @base: that many bytes, any contents.
 *
 * Return: the address of its entry point.
 */
uint64_t place_copy(const void *elf, uint64_t bytes, uint8_t *base);

#endif
