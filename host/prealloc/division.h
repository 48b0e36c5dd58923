/* SPDX-License-Identifier: MIT */
/* Which thread maps which pages. Pure. */
#ifndef VMFERRY_PREALLOC_DIVISION_H
#define VMFERRY_PREALLOC_DIVISION_H

#include <stdint.h>

struct division {
	uint64_t first, nr; /* pages */
};

/* Share @index of @nr_shares, at least 1, of @nr_pages: n / shares each, and
 * the remainder to the last. */
struct division division_split(uint64_t nr_pages, unsigned int nr_shares,
			       unsigned int index);
/* The remainder spread over the first: no two differ by more than one. */
struct division division_even(uint64_t nr_pages, unsigned int nr_shares,
			      unsigned int index);

/*
 * Pages that a thread takes at a time from a counter: a page table's worth, so
 * that no two threads share one, and what was just cleared is still in a cache
 * when it is mapped; or one, if that is more.
 */
uint64_t division_chunk_pages(uint64_t page_bytes);

/* How many of @nr_left chunks a thread of @nr_threads takes now: less and less,
 * from @most down to 1. @nr_left at least 1. */
uint64_t division_turn_chunks(uint64_t nr_left, unsigned int nr_threads,
			      uint64_t most);

#endif
