/* SPDX-License-Identifier: MIT */
#include "migrate/rings.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static void *entries(unsigned int nr, size_t bytes)
{
	void *p;

	assert(ring_capacity_valid(nr));
	bytes = (nr * bytes + RING_APART - 1) & ~(size_t)(RING_APART - 1);
	p = aligned_alloc(RING_APART, bytes);
	if (p)
		memset(p, 0, bytes);
	return p;
}

int request_ring_init(struct request_ring *r, unsigned int capacity)
{
	memset(r, 0, sizeof(*r));
	r->capacity = capacity;
	r->entry = entries(capacity, sizeof(*r->entry));
	return r->entry ? 0 : -ENOMEM;
}

void request_ring_exit(struct request_ring *r)
{
	free(r->entry);
	r->entry = NULL;
}

int result_ring_init(struct result_ring *r, unsigned int capacity)
{
	memset(r, 0, sizeof(*r));
	r->capacity = capacity;
	r->entry = entries(capacity, sizeof(*r->entry));
	return r->entry ? 0 : -ENOMEM;
}

void result_ring_exit(struct result_ring *r)
{
	free(r->entry);
	r->entry = NULL;
}
