/* SPDX-License-Identifier: MIT */
/* Shares and chunks. */
#include "prealloc/division.h"

#define CHUNK_MAX_BYTES (16ull << 20)
#define CHUNK_MIN_BYTES (2ull << 20)
/* Chunks a thread: the wait at the end is at most one in so many. */
#define CHUNKS_A_THREAD 16u

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

uint64_t division_chunk_pages(uint64_t nr_pages, uint64_t page_bytes,
			      unsigned int nr_threads)
{
	uint64_t bytes = nr_pages / ((uint64_t)nr_threads * CHUNKS_A_THREAD) *
			 page_bytes;

	if (bytes > CHUNK_MAX_BYTES)
		bytes = CHUNK_MAX_BYTES;
	/* Whole page tables: two threads should not share one. */
	bytes -= bytes % CHUNK_MIN_BYTES;
	if (bytes < CHUNK_MIN_BYTES)
		bytes = CHUNK_MIN_BYTES;
	return bytes > page_bytes ? bytes / page_bytes : 1;
}
