/* SPDX-License-Identifier: MIT */
/* The memory map: a tree made flat. */
#include "vmm/memmap_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct flat {
	struct memmap_range *ranges; /* sorted, disjoint */
	unsigned int nr, max;
};

/* A region's place in the space, cut to what contains it. */
struct place {
	uint64_t addr; /* of its first byte, cut off or not */
	uint64_t from, to;
};

/* The first range that ends behind @addr. */
static unsigned int first_behind(const struct memmap_range *ranges,
				 unsigned int nr, uint64_t addr)
{
	unsigned int low = 0;

	while (nr > low) {
		unsigned int middle = low + (nr - low) / 2;

		if (ranges[middle].addr + ranges[middle].bytes > addr)
			nr = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int flat_insert(struct flat *flat, unsigned int at,
		       const struct memmap_range *range)
{
	if (flat->nr == flat->max) {
		unsigned int max = flat->max ? flat->max * 2 : 16;
		struct memmap_range *more =
			realloc(flat->ranges, max * sizeof(*more));

		if (!more)
			return -ENOMEM;
		flat->ranges = more;
		flat->max = max;
	}
	memmove(&flat->ranges[at + 1], &flat->ranges[at],
		(flat->nr - at) * sizeof(*range));
	flat->ranges[at] = *range;
	flat->nr++;
	return 0;
}

/* What comes first hides the rest: fills the gaps that are left. */
static int fill_gaps(struct flat *flat, struct memmap_region *region,
		     const struct place *p)
{
	unsigned int i = first_behind(flat->ranges, flat->nr, p->from);
	uint64_t at = p->from;
	int err;

	while (at < p->to) {
		uint64_t end = p->to;

		if (i < flat->nr && flat->ranges[i].addr < end)
			end = flat->ranges[i].addr;
		if (at < end) {
			err = flat_insert(flat, i,
					  &(struct memmap_range){
						  .addr = at,
						  .bytes = end - at,
						  .region = region,
						  .offset = at - p->addr });
			if (err)
				return err;
			i++;
		}
		if (i == flat->nr)
			break;
		at = flat->ranges[i].addr + flat->ranges[i].bytes;
		i++;
	}
	return 0;
}

/* The recursion is bounded by MEMMAP_MAX_DEPTH. */
static int render(struct flat *flat, struct memmap_region *region,
		  const struct place *parent)
{
	struct place p = { .addr = parent->addr + region->offset };
	struct memmap_region *child;
	int err;

	p.from = p.addr > parent->from ? p.addr : parent->from;
	p.to = p.addr + region->bytes;
	if (p.to > parent->to)
		p.to = parent->to;
	if (!region->enabled || p.from >= p.to)
		return 0;
	for (child = region->child; child; child = child->next) {
		err = render(flat, child, &p);
		if (err)
			return err;
	}
	return region->kind == MEMMAP_CONTAINER ? 0
						: fill_gaps(flat, region, &p);
}

/* A write of any size may be one byte long. */
static bool bell_is_in(const struct memmap_range *range,
		       const struct memmap_eventfd *eventfd)
{
	uint32_t bytes = eventfd->bytes ? eventfd->bytes : 1;

	return eventfd->offset >= range->offset &&
	       eventfd->offset + bytes <= range->offset + range->bytes;
}

/* Ranges ascend, and so do the eventfds of each: the bells come out sorted. */
static void collect_bells(struct memmap_view *view)
{
	unsigned int i, n;

	view->nr_bells = 0;
	if (!view->bells)
		return;
	for (i = 0; i < view->nr_ranges; i++) {
		const struct memmap_range *range = &view->ranges[i];
		const struct memmap_region *region = range->region;

		for (n = 0; n < region->nr_eventfds; n++) {
			const struct memmap_eventfd *e = &region->eventfds[n];

			if (!bell_is_in(range, e))
				continue;
			view->bells[view->nr_bells++] = (struct memmap_bell){
				.addr = range->addr + e->offset - range->offset,
				.eventfd = *e,
			};
		}
	}
}

/* At most so many: a region cut in pieces is counted for each. */
static size_t count_bells(const struct memmap_range *ranges, unsigned int nr)
{
	size_t bells = 0;

	while (nr--)
		bells += ranges[nr].region->nr_eventfds;
	return bells;
}

int memmap_flatten(const struct memmap_space *space,
		   const struct memmap_view *old, struct memmap_view **ret_view)
{
	struct place all = { .to = space->root->bytes };
	struct flat flat = { 0 };
	struct memmap_view *view;
	size_t bells;
	int err = -ENOMEM;

	view = calloc(1, sizeof(*view));
	if (!view)
		return err;
	if (!old)
		err = render(&flat, space->root, &all);
	else if (!old->nr_ranges)
		err = 0;
	else if ((flat.ranges = calloc(old->nr_ranges, sizeof(*flat.ranges)))) {
		memcpy(flat.ranges, old->ranges,
		       old->nr_ranges * sizeof(*flat.ranges));
		flat.nr = old->nr_ranges;
		err = 0;
	}
	view->space = space;
	view->ranges = flat.ranges;
	view->nr_ranges = flat.nr;
	if (err)
		goto out_free;
	bells = count_bells(view->ranges, view->nr_ranges);
	view->bells = bells ? calloc(bells, sizeof(*view->bells)) : NULL;
	err = bells && !view->bells ? -ENOMEM : 0;
	if (err)
		goto out_free;
	collect_bells(view);
	*ret_view = view;
	return 0;

out_free:
	memmap_view_free(view);
	return err;
}

void memmap_view_free(struct memmap_view *view)
{
	if (!view)
		return;
	free(view->bells);
	free(view->ranges);
	free(view);
}

const struct memmap_range *memmap_find(const struct memmap_view *view,
				       uint64_t addr)
{
	unsigned int i = first_behind(view->ranges, view->nr_ranges, addr);

	if (i == view->nr_ranges || view->ranges[i].addr > addr)
		return NULL;
	return &view->ranges[i];
}
