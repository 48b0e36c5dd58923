/* SPDX-License-Identifier: MIT */
/* A memory map of one space, and a listener that keeps what it is told. */
#ifndef VMFERRY_TESTS_UNIT_VMM_MEMMAP_FIXTURE_H
#define VMFERRY_TESTS_UNIT_VMM_MEMMAP_FIXTURE_H

#include <stdbool.h>
#include <string.h>

#include "unit/unit.h"
#include "vmm/memmap.h"

#define MAX_SEEN 512u
#define FIXTURE_REGIONS 14u

/* What a listener knows from what it was told. */
struct seen {
	struct memmap_range range[MAX_SEEN];
	struct memmap_bell bell[MAX_SEEN];
	unsigned int nr_ranges, nr_bells, begins, commits;
	int fail; /* what range() returns from now on */
};

static inline void on_begin(void *ctx)
{
	((struct seen *)ctx)->begins++;
}

static inline int on_commit(void *ctx)
{
	((struct seen *)ctx)->commits++;
	return 0;
}

static inline int on_range(void *ctx, enum memmap_change change,
			   const struct memmap_range *range)
{
	struct seen *s = ctx;
	unsigned int i;

	if (change == MEMMAP_NEW) {
		assert_true(s->nr_ranges < MAX_SEEN);
		s->range[s->nr_ranges++] = *range;
		return s->fail;
	}
	for (i = 0; i < s->nr_ranges; i++)
		if (!memcmp(&s->range[i], range, sizeof(*range)))
			break;
	assert_true(i < s->nr_ranges);
	s->range[i] = s->range[--s->nr_ranges];
	return s->fail;
}

static inline bool same_bell(const struct memmap_bell *a,
			     const struct memmap_bell *b)
{
	return a->addr == b->addr && a->eventfd.bytes == b->eventfd.bytes &&
	       a->eventfd.match == b->eventfd.match &&
	       a->eventfd.value == b->eventfd.value &&
	       a->eventfd.fd == b->eventfd.fd;
}

static inline int on_bell(void *ctx, enum memmap_change change,
			  const struct memmap_bell *bell)
{
	struct seen *s = ctx;
	unsigned int i;

	if (change == MEMMAP_NEW) {
		assert_true(s->nr_bells < MAX_SEEN);
		s->bell[s->nr_bells++] = *bell;
		return 0;
	}
	for (i = 0; i < s->nr_bells; i++)
		if (same_bell(&s->bell[i], bell))
			break;
	assert_true(i < s->nr_bells);
	s->bell[i] = s->bell[--s->nr_bells];
	return 0;
}

struct fixture {
	struct memmap *map;
	struct memmap_space *space;
	struct memmap_region region[FIXTURE_REGIONS];
	struct seen seen;
};

static inline void setup(struct fixture *f, uint64_t bytes)
{
	struct memmap_listener listener = { &f->seen, on_begin, on_range,
					    on_bell, on_commit };

	memset(f, 0, sizeof(*f));
	assert_int_equal(memmap_create(&f->map), 0);
	assert_int_equal(memmap_region_init(&f->region[0], "root",
					    MEMMAP_CONTAINER, bytes, f),
			 0);
	assert_int_equal(memmap_add_space(f->map, "memory", &f->region[0],
					  &listener, &f->space),
			 0);
}

static inline void teardown(struct fixture *f)
{
	unsigned int i;

	memmap_destroy(f->map);
	for (i = 0; i < FIXTURE_REGIONS; i++)
		memmap_region_fini(&f->region[i]);
}

static inline struct memmap_region *
region(struct fixture *f, unsigned int i, enum memmap_kind kind, uint64_t bytes)
{
	assert_int_equal(
		memmap_region_init(&f->region[i], "region", kind, bytes, NULL),
		0);
	return &f->region[i];
}

static inline const struct memmap_range *find(struct fixture *f, uint64_t addr)
{
	const struct memmap_range *range;

	memmap_read_lock();
	range = memmap_find(memmap_view(f->space), addr);
	memmap_read_unlock();
	return range;
}

#endif
