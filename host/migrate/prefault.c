/* SPDX-License-Identifier: MIT */
/* Pages to be had before bytes are received into them. */
#include "migrate/prefault.h"

#include <stdbool.h>
#include <sys/mman.h>

#include "base/compat.h"

#define PAGE_BYTES 4096u

/* Below it a call costs what the faults do. */
#define WORTH_BYTES (16 * PAGE_BYTES)

static bool is_there(void *page)
{
	unsigned char there = 1;

	return mincore(page, PAGE_BYTES, &there) || (there & 1);
}

void prefault(void *at, size_t bytes)
{
	/* Both ends: a look at all of it would cost what it is to save. */
	if (bytes < WORTH_BYTES ||
	    (is_there(at) && is_there((char *)at + bytes - PAGE_BYTES)))
		return;
	madvise(at, bytes, MADV_POPULATE_WRITE);
}
