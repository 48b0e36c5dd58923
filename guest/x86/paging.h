/* SPDX-License-Identifier: MIT */
/* The identity map: everything readable, writable and open to ring 3. */
#ifndef VMFERRY_GUEST_PAGING_H
#define VMFERRY_GUEST_PAGING_H

#include <stdint.h>

/* RAM above this is out of reach. */
#define PAGING_MAX_BYTES (16ull << 40)

/* The tables that entry.asm starts with; of the last one, with pages of 1 GiB,
 * nothing is in use. Others: x86/uncached.h. */
extern uint64_t paging_pml4[], paging_pd[];

/* Bytes of tables that paging_map_high() wants for a RAM top. */
uint64_t paging_high_bytes(uint64_t ram_top);

/* Map the low 4 GiB. Once, on the first vCPU, after desc_load(). */
void paging_map_low(void);

/**
 * paging_map_high() - map from 4 GiB to @ram_top.
 * @tables: paging_high_bytes(@ram_top) bytes below 4 GiB, page-aligned;
 *	contents ignored.
 *
 * At most PAGING_MAX_BYTES are mapped.
 */
void paging_map_high(uint64_t ram_top, uint64_t tables);

#endif
