/* SPDX-License-Identifier: MIT */
/* Shares and chunks. */
#include "prealloc/division.h"

#define CHUNK_BYTES (2ull << 20)

struct division division_split(uint64_t nr_pages, unsigned int nr_shares,
			       unsigned int index)
{
	uint64_t each = nr_pages / nr_shares;
	struct division d = { each * index, each };

	if (index == nr_shares - 1)
		d.nr = nr_pages - d.first;
	return d;
}

struct division division_even(uint64_t nr_pages, unsigned int nr_shares,
			      unsigned int index)
{
	uint64_t each = nr_pages / nr_shares, more = nr_pages % nr_shares;

	return (struct division){
		.first = each * index + (index < more ? index : more),
		.nr = each + (index < more),
	};
}

uint64_t division_chunk_pages(uint64_t page_bytes)
{
	return page_bytes < CHUNK_BYTES ? CHUNK_BYTES / page_bytes : 1;
}

/* A quarter of a fair share: a thread that the host slows down holds the others
 * up by no more than that. */
uint64_t division_turn_chunks(uint64_t nr_left, unsigned int nr_threads,
			      uint64_t most)
{
	uint64_t nr = nr_threads > 1 ? nr_left / (nr_threads * 4ull) : nr_left;

	if (nr > most)
		nr = most;
	return nr ? nr : 1;
}
