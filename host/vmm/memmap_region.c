/* SPDX-License-Identifier: MIT */
/* The memory map: changes of the tree. */
#include "vmm/memmap_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int memmap_region_init(struct memmap_region *region, const char *name,
		       enum memmap_kind kind, uint64_t bytes, void *owner)
{
	if (!bytes || bytes > MEMMAP_MAX_BYTES)
		return -EINVAL;
	*region = (struct memmap_region){
		.name = name,
		.kind = kind,
		.bytes = bytes,
		.owner = owner,
		.enabled = true,
	};
	return 0;
}

void memmap_region_fini(struct memmap_region *region)
{
	free(region->eventfds);
	region->eventfds = NULL;
	region->nr_eventfds = region->max_eventfds = 0;
}

static struct memmap_region *root_of(struct memmap_region *region)
{
	while (region->parent)
		region = region->parent;
	return region;
}

static struct memmap *map_of(struct memmap_region *region)
{
	return root_of(region)->map;
}

/* NULL: the tree is no space's (yet): changes of it concern nobody. */
static struct memmap_space *space_of(struct memmap_region *region)
{
	struct memmap_region *root = root_of(region);
	struct memmap_space *space = root->map ? root->map->spaces : NULL;

	while (space && space->root != root)
		space = space->next;
	return space;
}

static void begin_change(struct memmap *map)
{
	if (map)
		memmap_begin(map);
}

static int end_change(struct memmap *map)
{
	return map ? memmap_commit(map) : 0;
}

static void ranges_changed(struct memmap_region *region)
{
	struct memmap_space *space = space_of(region);

	if (space)
		atomic_store(&space->ranges_changed, true);
}

static void bells_changed(struct memmap_region *region)
{
	struct memmap_space *space = space_of(region);

	if (space)
		atomic_store(&space->bells_changed, true);
}

static unsigned int depth_above(const struct memmap_region *region)
{
	unsigned int depth = 0;

	for (; region; region = region->parent)
		depth++;
	return depth;
}

/* Levels of a tree, itself included; bounded by how it was built. */
static unsigned int depth_below(const struct memmap_region *region)
{
	const struct memmap_region *child;
	unsigned int most = 0;

	for (child = region->child; child; child = child->next) {
		unsigned int depth = depth_below(child);

		most = depth > most ? depth : most;
	}
	return most + 1;
}

static bool may_lie_at(const struct memmap_region *region, uint64_t offset)
{
	return offset <= MEMMAP_MAX_BYTES - region->bytes;
}

int memmap_add(struct memmap_region *parent, struct memmap_region *region,
	       uint64_t offset, int priority)
{
	struct memmap *map = map_of(parent);
	struct memmap_region **at;

	if (region->parent || region->map || !may_lie_at(region, offset) ||
	    root_of(parent) == region ||
	    depth_above(parent) + depth_below(region) > MEMMAP_MAX_DEPTH)
		return -EINVAL;
	begin_change(map);
	region->parent = parent;
	region->offset = offset;
	region->priority = priority;
	for (at = &parent->child; *at && (*at)->priority > priority;)
		at = &(*at)->next;
	region->next = *at;
	*at = region;
	ranges_changed(region);
	return end_change(map);
}

int memmap_remove(struct memmap_region *region)
{
	struct memmap *map = map_of(region);
	struct memmap_region **at;

	if (!region->parent)
		return -EINVAL;
	begin_change(map);
	ranges_changed(region);
	for (at = &region->parent->child; *at != region;)
		at = &(*at)->next;
	*at = region->next;
	region->next = NULL;
	region->parent = NULL;
	region->offset = 0;
	return end_change(map);
}

int memmap_set_enabled(struct memmap_region *region, bool enabled)
{
	struct memmap *map = map_of(region);

	if (region->enabled == enabled)
		return 0;
	begin_change(map);
	region->enabled = enabled;
	ranges_changed(region);
	return end_change(map);
}

int memmap_set_offset(struct memmap_region *region, uint64_t offset)
{
	struct memmap *map = map_of(region);

	if (!region->parent || !may_lie_at(region, offset))
		return -EINVAL;
	if (region->offset == offset)
		return 0;
	begin_change(map);
	region->offset = offset;
	ranges_changed(region);
	return end_change(map);
}

/* ---- eventfds ----------------------------------------------------------- */

/* Where it is, or belongs. */
static unsigned int find_eventfd(const struct memmap_region *region,
				 const struct memmap_eventfd *eventfd,
				 bool *ret_found)
{
	unsigned int low = 0, high = region->nr_eventfds;

	*ret_found = false;
	while (low < high) {
		unsigned int middle = low + (high - low) / 2;
		int order = memmap_eventfd_compare(&region->eventfds[middle],
						   eventfd);

		if (!order)
			*ret_found = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool eventfd_is_valid(const struct memmap_region *region,
			     const struct memmap_eventfd *e)
{
	uint32_t bytes = e->bytes ? e->bytes : 1;

	if (e->bytes > 8 || (e->bytes & (e->bytes - 1)))
		return false;
	if (e->match ? !e->bytes : e->value)
		return false;
	return bytes <= region->bytes && e->offset <= region->bytes - bytes;
}

static int make_room(struct memmap_region *region)
{
	unsigned int max = region->max_eventfds * 2;
	struct memmap_eventfd *more;

	if (region->nr_eventfds < region->max_eventfds)
		return 0;
	max = max ? max : 8;
	more = realloc(region->eventfds, max * sizeof(*more));
	if (!more)
		return -ENOMEM;
	region->eventfds = more;
	region->max_eventfds = max;
	return 0;
}

int memmap_add_eventfd(struct memmap_region *region,
		       const struct memmap_eventfd *eventfd)
{
	struct memmap *map = map_of(region);
	unsigned int at;
	bool found;
	int err;

	if (!eventfd_is_valid(region, eventfd))
		return -EINVAL;
	begin_change(map);
	at = find_eventfd(region, eventfd, &found);
	err = found ? -EEXIST : make_room(region);
	if (!err) {
		memmove(&region->eventfds[at + 1], &region->eventfds[at],
			(region->nr_eventfds - at) * sizeof(*eventfd));
		region->eventfds[at] = *eventfd;
		region->nr_eventfds++;
		bells_changed(region);
	}
	if (err) {
		end_change(map);
		return err;
	}
	return end_change(map);
}

int memmap_remove_eventfd(struct memmap_region *region,
			  const struct memmap_eventfd *eventfd)
{
	struct memmap *map = map_of(region);
	unsigned int at;
	bool found;

	begin_change(map);
	at = find_eventfd(region, eventfd, &found);
	if (!found) {
		end_change(map);
		return -ENOENT;
	}
	region->nr_eventfds--;
	memmove(&region->eventfds[at], &region->eventfds[at + 1],
		(region->nr_eventfds - at) * sizeof(*eventfd));
	bells_changed(region);
	return end_change(map);
}
