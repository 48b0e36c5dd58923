/* SPDX-License-Identifier: MIT */
/* The memory map: what a commit changed, told to the space's listener. */
#include "vmm/memmap_impl.h"

#include <errno.h>

int memmap_eventfd_compare(const struct memmap_eventfd *a,
			   const struct memmap_eventfd *b)
{
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? -1 : 1;
	if (a->match != b->match)
		return a->match < b->match ? -1 : 1;
	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return 0;
}

static bool range_is_same(const struct memmap_range *a,
			  const struct memmap_range *b)
{
	return a->addr == b->addr && a->bytes == b->bytes &&
	       a->region == b->region && a->offset == b->offset;
}

/* By address, then by the rest; -1: @a comes first. 0: the same write and the
 * same fd. */
static int bell_compare(const struct memmap_bell *a,
			const struct memmap_bell *b)
{
	struct memmap_eventfd x = a->eventfd, y = b->eventfd;
	int order;

	x.offset = a->addr;
	y.offset = b->addr;
	order = memmap_eventfd_compare(&x, &y);
	if (!order && x.fd != y.fd)
		order = x.fd < y.fd ? -1 : 1;
	return order;
}

/* All of @a that is not in @b. */
static int tell_ranges(struct memmap_space *space, enum memmap_change change,
		       const struct memmap_view *a, const struct memmap_view *b)
{
	const struct memmap_listener *l = &space->listener;
	unsigned int i, n = 0;
	uint64_t told = 0;
	int err, ret = 0;

	for (i = 0; i < a->nr_ranges; i++) {
		const struct memmap_range *range = &a->ranges[i];

		while (n < b->nr_ranges && b->ranges[n].addr < range->addr)
			n++;
		if (n < b->nr_ranges && range_is_same(range, &b->ranges[n]))
			continue;
		told++;
		err = l->range ? l->range(l->ctx, change, range) : 0;
		ret = ret ? ret : err;
	}
	*(change == MEMMAP_NEW ? &space->map->stats.ranges_new
			       : &space->map->stats.ranges_gone) += told;
	return ret;
}

static int tell_bells(struct memmap_space *space, enum memmap_change change,
		      const struct memmap_view *a, const struct memmap_view *b)
{
	const struct memmap_listener *l = &space->listener;
	unsigned int i, n = 0;
	uint64_t told = 0;
	int err, ret = 0;

	for (i = 0; i < a->nr_bells; i++) {
		const struct memmap_bell *bell = &a->bells[i];

		while (n < b->nr_bells && bell_compare(&b->bells[n], bell) < 0)
			n++;
		if (n < b->nr_bells && !bell_compare(&b->bells[n], bell))
			continue;
		told++;
		err = l->bell ? l->bell(l->ctx, change, bell) : 0;
		ret = ret ? ret : err;
	}
	*(change == MEMMAP_NEW ? &space->map->stats.bells_new
			       : &space->map->stats.bells_gone) += told;
	return ret;
}

/* Do the views differ at all? */
static bool views_differ(const struct memmap_view *a,
			 const struct memmap_view *b)
{
	unsigned int i;

	if (a->nr_ranges != b->nr_ranges || a->nr_bells != b->nr_bells)
		return true;
	for (i = 0; i < a->nr_ranges; i++)
		if (!range_is_same(&a->ranges[i], &b->ranges[i]))
			return true;
	for (i = 0; i < a->nr_bells; i++)
		if (bell_compare(&a->bells[i], &b->bells[i]))
			return true;
	return false;
}

int memmap_tell(struct memmap_space *space, const struct memmap_view *before,
		const struct memmap_view *after)
{
	const struct memmap_listener *l = &space->listener;
	int err[5] = { 0 }, ret = 0;
	unsigned int i;

	if (!views_differ(before, after))
		return 0;
	if (l->begin)
		l->begin(l->ctx);
	err[0] = tell_bells(space, MEMMAP_GONE, before, after);
	err[1] = tell_ranges(space, MEMMAP_GONE, before, after);
	err[2] = tell_ranges(space, MEMMAP_NEW, after, before);
	err[3] = tell_bells(space, MEMMAP_NEW, after, before);
	err[4] = l->commit ? l->commit(l->ctx) : 0;
	for (i = 0; i < 5 && !ret; i++)
		ret = err[i];
	return ret;
}
