/* SPDX-License-Identifier: MIT */
/* What the parts of the memory map share. */
#ifndef VMFERRY_VMM_MEMMAP_IMPL_H
#define VMFERRY_VMM_MEMMAP_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "vmm/memmap.h"

/* Retired views that wait for their readers before somebody waits for them. */
#define MEMMAP_MAX_RETIRED 64u

struct memmap_space {
	struct memmap *map;
	const char *name;
	struct memmap_region *root;
	struct memmap_listener listener;
	struct memmap_view *view; /* RCU */
	/* What waits for a commit. Written under the map's lock. */
	atomic_bool ranges_changed, bells_changed;
	struct memmap_space *next;
};

struct memmap {
	pthread_mutex_t lock; /* held while a transaction is open */
	_Atomic(pthread_t) owner; /* of it; meaningless while @depth is 0 */
	atomic_uint depth;
	struct memmap_space *spaces;
	struct memmap_work *work, **work_end;
	struct memmap_part *parts;
	struct memmap_view *retired[MEMMAP_MAX_RETIRED];
	unsigned int nr_retired;
	void (*stale_hook)(void *ctx, const char *space);
	void *stale_ctx;
	struct memmap_stats stats;
};

/* Is a transaction of the calling thread's own open? */
bool memmap_is_ours(const struct memmap *map);

/**
 * memmap_flatten() - the view of a tree.
 * @old: NULL, or a view whose ranges are still right: only the bells are
 *       collected anew.
 *
 * Return: 0 or -ENOMEM.
 */
int memmap_flatten(const struct memmap_space *space,
		   const struct memmap_view *old,
		   struct memmap_view **ret_view);
void memmap_view_free(struct memmap_view *view);

/* Tells @space's listener, and counts. Return: the listener's first error. */
int memmap_tell(struct memmap_space *space, const struct memmap_view *before,
		const struct memmap_view *after);

/* By what write rings them: 0 = the same. */
int memmap_eventfd_compare(const struct memmap_eventfd *a,
			   const struct memmap_eventfd *b);

#endif
