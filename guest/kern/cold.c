/* SPDX-License-Identifier: MIT */
/* Unpacks what no boot needs, in ring 3. */
#include "kern/cold.h"

#include <stddef.h>

#include "kern/panic.h"
#include "lib/branches.h"
#include "lib/lzma.h"
#include "lib/string.h"
#include "x86/cpu.h"

/* linker/guest.ld; the spare is as large as what lies before it. */
extern uint8_t cold_start[], cold_end[], cold_spare[], image_start[];
extern const uint64_t relr_start[], relr_end[];

#define LINK_BASE 0x200000u /* as in linker/guest.ld */

volatile bool cold_is_open;

/* DT_RELR, as boot/pvh.asm does it for the rest. */
static void relocate(void)
{
	uint64_t distance = (uint64_t)image_start - LINK_BASE, bits;
	uint64_t *at = NULL, *word;
	const uint64_t *r;

	for (r = relr_start; r < relr_end; r++) {
		if (!(*r & 1)) {
			at = (uint64_t *)(*r + distance);
			bits = 1;
		} else {
			bits = *r >> 1;
		}
		for (word = at; bits; bits >>= 1, word++)
			if (bits & 1 && (uint8_t *)word >= cold_start)
				*word += distance;
		at += *r & 1 ? 63 : 1;
	}
}

/* The packed bytes lie where the raw ones go. */
static uint64_t unpack(void *arg)
{
	const struct cold_header *h = (const void *)cold_spare;
	size_t bytes = (size_t)(cold_end - cold_start);

	(void)arg;
	memcpy(cold_spare, cold_start, bytes);
	if (h->magic != COLD_MAGIC || h->raw_bytes != bytes ||
	    h->packed_bytes > bytes - sizeof(*h) ||
	    !lzma_unpack(cold_spare + sizeof(*h), h->packed_bytes, cold_start,
			 bytes))
		return 0;
	branches_restore(cold_start, bytes);
	return lzma_check(cold_start, bytes) == h->check;
}

void cold_open(void)
{
	if (!user_enter(unpack, NULL))
		panic("the image's packed part is damaged");
	relocate();
	cold_is_open = true;
}
