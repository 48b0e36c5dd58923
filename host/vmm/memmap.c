/* SPDX-License-Identifier: MIT */
/* The memory map: transactions, publication, readers. */
#include "vmm/memmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <urcu/urcu-bp.h>

#include "vmm/memmap_impl.h"

int memmap_create(struct memmap **ret_map)
{
	struct memmap *map = calloc(1, sizeof(*map));

	if (!map)
		return -ENOMEM;
	pthread_mutex_init(&map->lock, NULL);
	map->work_end = &map->work;
	*ret_map = map;
	return 0;
}

static void free_retired(struct memmap *map)
{
	if (!map->nr_retired)
		return;
	urcu_bp_synchronize_rcu();
	while (map->nr_retired)
		memmap_view_free(map->retired[--map->nr_retired]);
}

void memmap_destroy(struct memmap *map)
{
	struct memmap_space *space;

	if (!map)
		return;
	free_retired(map);
	while ((space = map->spaces)) {
		map->spaces = space->next;
		memmap_view_free(space->view);
		space->root->map = NULL;
		free(space);
	}
	pthread_mutex_destroy(&map->lock);
	free(map);
}

int memmap_add_space(struct memmap *map, const char *name,
		     struct memmap_region *root,
		     const struct memmap_listener *listener,
		     struct memmap_space **ret_space)
{
	struct memmap_space *space;
	int err;

	if (root->map || root->parent)
		return -EBUSY;
	space = calloc(1, sizeof(*space));
	if (!space)
		return -ENOMEM;
	space->map = map;
	space->name = name;
	space->root = root;
	err = memmap_flatten(space, NULL, &space->view);
	if (err) {
		free(space);
		return err;
	}
	if (listener)
		space->listener = *listener;
	root->map = map;
	space->next = map->spaces;
	map->spaces = space;
	*ret_space = space;
	return memmap_tell(space, &(struct memmap_view){ 0 }, space->view);
}

/* ---- transactions ------------------------------------------------------- */

bool memmap_is_ours(const struct memmap *map)
{
	/* Only we write our own name: any other value is not ours. */
	return atomic_load_explicit(&map->depth, memory_order_relaxed) &&
	       pthread_equal(
		       atomic_load_explicit(&map->owner, memory_order_relaxed),
		       pthread_self());
}

void memmap_begin(struct memmap *map)
{
	if (!memmap_is_ours(map)) {
		pthread_mutex_lock(&map->lock);
		atomic_store_explicit(&map->owner, pthread_self(),
				      memory_order_relaxed);
	}
	atomic_fetch_add_explicit(&map->depth, 1, memory_order_relaxed);
}

/* Readers see the new view or the old one, whole; the old one is freed when
 * none of them can have it any more. */
static void publish(struct memmap_space *space, struct memmap_view *view)
{
	struct memmap *map = space->map;
	struct memmap_view *old = space->view;

	rcu_assign_pointer(space->view, view);
	if (map->nr_retired == MEMMAP_MAX_RETIRED)
		free_retired(map);
	map->retired[map->nr_retired++] = old;
}

static int commit_space(struct memmap_space *space)
{
	const struct memmap_view *before = space->view;
	struct memmap_view *after;
	int err;

	err = memmap_flatten(space, space->ranges_changed ? NULL : before,
			     &after);
	if (err)
		return err;
	space->map->stats.views++;
	atomic_store(&space->ranges_changed, false);
	atomic_store(&space->bells_changed, false);
	publish(space, after);
	/* @before is retired, but nothing frees it before the next commit. */
	return memmap_tell(space, before, after);
}

static int commit_parts(struct memmap *map)
{
	struct memmap_part *part;
	int err, ret = 0;

	while ((part = map->parts)) {
		map->parts = part->next;
		part->queued = false;
		err = part->commit(part->ctx);
		ret = ret ? ret : err;
	}
	return ret;
}

static int commit_all(struct memmap *map)
{
	struct memmap_space *space;
	bool any = map->parts;
	int err, ret = 0;

	for (space = map->spaces; space; space = space->next) {
		if (!space->ranges_changed && !space->bells_changed)
			continue;
		any = true;
		err = commit_space(space);
		ret = ret ? ret : err;
	}
	map->stats.commits += any;
	err = commit_parts(map);
	return ret ? ret : err;
}

/* Outside of the transaction: each may begin one. */
static void run_work(struct memmap_work *work)
{
	struct memmap_work *next;

	for (; work; work = next) {
		next = work->next;
		work->queued = false;
		work->run(work->ctx);
	}
}

int memmap_commit(struct memmap *map)
{
	struct memmap_work *work;
	int err;

	if (atomic_load(&map->depth) > 1) {
		atomic_fetch_sub(&map->depth, 1);
		return 0;
	}
	err = commit_all(map);
	work = map->work;
	map->work = NULL;
	map->work_end = &map->work;
	atomic_store_explicit(&map->depth, 0, memory_order_relaxed);
	pthread_mutex_unlock(&map->lock);
	run_work(work);
	return err;
}

void memmap_defer(struct memmap *map, struct memmap_work *work)
{
	if (!memmap_is_ours(map)) {
		work->run(work->ctx);
		return;
	}
	if (work->queued)
		return;
	work->queued = true;
	work->next = NULL;
	*map->work_end = work;
	map->work_end = &work->next;
}

void memmap_join(struct memmap *map, struct memmap_part *part)
{
	if (part->queued)
		return;
	part->queued = true;
	part->next = map->parts;
	map->parts = part;
}

/* ---- readers ------------------------------------------------------------ */

void memmap_read_lock(void)
{
	urcu_bp_read_lock();
}

void memmap_read_unlock(void)
{
	urcu_bp_read_unlock();
}

bool memmap_view_is_stale(const struct memmap_view *view)
{
	return atomic_load_explicit(&view->space->ranges_changed,
				    memory_order_relaxed) ||
	       atomic_load_explicit(&view->space->bells_changed,
				    memory_order_relaxed);
}

static void caught_stale(const struct memmap_space *space)
{
	const struct memmap *map = space->map;

	if (map->stale_hook) {
		map->stale_hook(map->stale_ctx, space->name);
		return;
	}
#ifndef NDEBUG
	fprintf(stderr,
		"memory map: %s is looked at within a transaction that has changed it\n",
		space->name);
	abort();
#endif
}

const struct memmap_view *memmap_view(const struct memmap_space *space)
{
	const struct memmap_view *view = rcu_dereference(space->view);

	if (__builtin_expect(memmap_is_ours(space->map), 0) &&
	    memmap_view_is_stale(view))
		caught_stale(space);
	return view;
}

void memmap_wait_for_readers(struct memmap *map)
{
	memmap_begin(map);
	free_retired(map);
	urcu_bp_synchronize_rcu();
	memmap_commit(map);
}

void memmap_set_stale_hook(struct memmap *map,
			   void (*hook)(void *ctx, const char *space),
			   void *ctx)
{
	map->stale_hook = hook;
	map->stale_ctx = ctx;
}

void memmap_get_stats(const struct memmap *map, struct memmap_stats *ret_stats)
{
	*ret_stats = map->stats;
}
