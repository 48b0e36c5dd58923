/* SPDX-License-Identifier: MIT */
/* What RAM there is and what it is for, when the guest comes up. */
#ifndef VMFERRY_GUEST_RAM_H
#define VMFERRY_GUEST_RAM_H

#include <stdint.h>

#include "boot/bootinfo.h"
#include "lib/rammap.h"

/**
 * ram_init() - account for all RAM and map it.
 * @map: zeroed.
 *
 * Afterwards what the map calls free is zero, whatever firmware left there.
 * Panics where there is no RAM, or none for page tables.
 */
void ram_init(struct rammap *map, const struct boot_info *boot);

/* A page below 1 MiB that holds no boot information; 0 if there is none. */
uint64_t ram_find_trampoline(const struct boot_info *boot);

/* @map is final: tell the host, and what a working set may take of it. It is
 * copied. */
void ram_publish(const struct rammap *map);

/* What RAM holds while there is no working set. */
const struct rammap *ram_account(void);
uint64_t ram_bytes(void);

#endif
