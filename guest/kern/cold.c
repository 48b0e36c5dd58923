/* SPDX-License-Identifier: MIT */
/* Unpacks what no boot needs, in ring 3. */
#include "kern/cold.h"

#include <stddef.h>

#include "kern/panic.h"
#include "lib/lzma.h"
#include "lib/string.h"
#include "x86/cpu.h"

/* linker/guest.ld; the spare is as large as what lies before it. */
extern uint8_t cold_start[], cold_end[], cold_spare[];

volatile bool cold_is_open;

/* The packed bytes lie where the raw ones go. */
static uint64_t unpack(void *arg)
{
	const struct cold_header *h = (const void *)cold_spare;
	size_t bytes = (size_t)(cold_end - cold_start);

	(void)arg;
	memcpy(cold_spare, cold_start, bytes);
	return h->magic == COLD_MAGIC && h->raw_bytes == bytes &&
	       h->packed_bytes <= bytes - sizeof(*h) &&
	       lzma_unpack(cold_spare + sizeof(*h), h->packed_bytes, cold_start,
			   bytes) &&
	       lzma_check(cold_start, bytes) == h->check;
}

void cold_open(void)
{
	if (!user_enter(unpack, NULL))
		panic("the image's packed part is damaged");
	cold_is_open = true;
}
