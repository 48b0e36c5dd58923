/* SPDX-License-Identifier: MIT */
/* The part of the image that comes packed: what no boot needs. */
#ifndef VMFERRY_GUEST_COLD_H
#define VMFERRY_GUEST_COLD_H

#include <stdbool.h>
#include <stdint.h>

#define COLD_MAGIC 0x444c4f43u /* "COLD" */

/* At the segment's first byte in the file, then the packed bytes; written by
 * linker/finish.sh. */
struct cold_header {
	uint32_t magic;
	uint32_t packed_bytes;
	uint32_t raw_bytes;
	uint32_t check; /* lzma_check() of the raw bytes */
};

/**
 * cold_open() - unpack it. Nothing in guest_cold may be called before.
 *
 * Panics if it is damaged.
 *
 * Context: the first vCPU, ring 0, once; the others run nothing of it yet.
 */
void cold_open(void);

/* For interrupts, which come earlier: may it be called? */
extern volatile bool cold_is_open;

#endif
