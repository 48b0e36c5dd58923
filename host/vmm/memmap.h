/* SPDX-License-Identifier: MIT */
/*
 * The memory map: trees of regions, flattened into a sorted view, and what
 * others are told when it changes.
 *
 * A *space* (memory, ports) is what an address means. A *region* is a piece of
 * it: memory, a device's registers, or a container that only places others. A
 * region lies in a container or on another region, at an offset, with a
 * priority; the *view* is what is left when whatever is hidden is taken away.
 * *Eventfds* hang on a region: a write to their address rings them, as long as
 * the region is what lies there.
 *
 * Precedence: of the children of one region the one of higher priority hides
 * the others, of equal ones the one added last. Children hide their parent, and
 * are cut to its bounds. Where a container has no child, what lies below it
 * shows through.
 *
 * *Transactions*: every change belongs to one; a change outside of any is one
 * of its own. They nest, and nothing is flattened, published or told before the
 * outermost ends. Listeners then get the difference of the two views: what is
 * gone, then what is new. One thread at a time has transactions; another one
 * that begins waits.
 *
 * *Readers* take no lock: see memmap_read_lock(). While a transaction has
 * changed a space, its view is stale: the thread that has the transaction must
 * not look at it, since it would not find what it has just put there, and debug
 * builds catch it at that (memmap_set_stale_hook()). Other threads see the map
 * as it was before, as if their access had come before the commit. Work that
 * needs the new map is put off until then: memmap_defer().
 *
 * Sources: QEMU, docs/devel/memory.rst, for the model of regions, priorities
 * and containers; C. Fu, "migration: reduce time of loading non-iterable
 * vmstate" (QEMU mailing list, 2023), for the rules of a stale view.
 *
 * Non-goals: aliases, IOMMUs, byte order, devices that come while it runs.
 */
#ifndef VMFERRY_VMM_MEMMAP_H
#define VMFERRY_VMM_MEMMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A region ends at most here, in itself and in its parent. */
#define MEMMAP_MAX_BYTES (1ull << 56)
#define MEMMAP_MAX_DEPTH 16u

struct memmap;
struct memmap_space;

enum memmap_kind { MEMMAP_CONTAINER, MEMMAP_RAM, MEMMAP_IO };

/* Offsets are those in the region. */
struct memmap_eventfd {
	uint64_t offset;
	uint64_t value; /* 0 unless @match */
	uint32_t bytes; /* of the write: 1, 2, 4, 8; 0 = any */
	bool match; /* only a write of @value rings */
	int fd; /* stays the caller's; open while it is here */
};

/**
 * struct memmap_region - lives in its owner's memory.
 *
 * Set up by memmap_region_init(); the fields below the line are private.
 */
struct memmap_region {
	const char *name; /* for people */
	enum memmap_kind kind;
	uint64_t bytes; /* 1..MEMMAP_MAX_BYTES */
	void *owner; /* whatever the listeners and readers want to know */
	/* ---- */
	struct memmap *map; /* NULL = in no tree */
	struct memmap_region *parent;
	struct memmap_region *child, *next; /* in order of precedence */
	uint64_t offset; /* in the parent */
	int priority;
	bool enabled;
	unsigned int nr_eventfds, max_eventfds;
	struct memmap_eventfd *eventfds; /* sorted */
};

/* A stretch of the view. */
struct memmap_range {
	uint64_t addr;
	uint64_t bytes;
	struct memmap_region *region; /* never a container */
	uint64_t offset; /* of @addr in the region */
};

/* An eventfd where it really is. */
struct memmap_bell {
	uint64_t addr;
	struct memmap_eventfd eventfd;
};

/* Sorted by address; never changes, but goes: see memmap_read_lock(). */
struct memmap_view {
	const struct memmap_space *space;
	unsigned int nr_ranges, nr_bells;
	struct memmap_range *ranges;
	struct memmap_bell *bells;
};

enum memmap_change { MEMMAP_GONE, MEMMAP_NEW };

/**
 * struct memmap_listener - told what a commit changed in one space.
 *
 * Called by the thread that commits: begin; bells gone, ranges gone, ranges
 * new, bells new, each in order of address; commit. Nothing changed, nothing
 * called. Any of them may be NULL. The first error is what the end of the
 * transaction returns; the rest is told all the same.
 */
struct memmap_listener {
	void *ctx;
	void (*begin)(void *ctx);
	int (*range)(void *ctx, enum memmap_change change,
		     const struct memmap_range *range);
	int (*bell)(void *ctx, enum memmap_change change,
		    const struct memmap_bell *bell);
	int (*commit)(void *ctx);
};

struct memmap_stats {
	uint64_t commits; /* outermost ends with something changed */
	uint64_t views; /* flattened */
	uint64_t ranges_gone, ranges_new;
	uint64_t bells_gone, bells_new;
};

/* Something to be done with the new map; lives in its owner's memory, zeroed
 * but for these two. */
struct memmap_work {
	void (*run)(void *ctx);
	void *ctx;
	struct memmap_work *next; /* private */
	bool queued; /* private */
};

/* Something else that is committed with the map; lives in its owner's memory,
 * zeroed but for these two. */
struct memmap_part {
	int (*commit)(void *ctx);
	void *ctx;
	struct memmap_part *next; /* private */
	bool queued; /* private */
};

int memmap_create(struct memmap **ret_map);
/* Frees the spaces, too; the regions are their owners'. NULL is fine. No reader
 * may be left. */
void memmap_destroy(struct memmap *map);

/**
 * memmap_add_space() - an address space of the map.
 * @root: its outermost region, in no tree yet; usually a container.
 * @listener: copied; is told everything from now on. NULL = none.
 *
 * Before the first transaction. Return: 0, -ENOMEM, -EBUSY if @root is in a
 * tree.
 */
int memmap_add_space(struct memmap *map, const char *name,
		     struct memmap_region *root,
		     const struct memmap_listener *listener,
		     struct memmap_space **ret_space);

/* In no tree, enabled. @name must outlive it. -EINVAL: @bytes out of range. */
int memmap_region_init(struct memmap_region *region, const char *name,
		       enum memmap_kind kind, uint64_t bytes, void *owner);
/* Frees its eventfds. It must be in no tree; readers may still hold ranges of
 * it until memmap_wait_for_readers(). */
void memmap_region_fini(struct memmap_region *region);

/*
 * Changes. Each is a transaction of its own if none is open, and then returns
 * what the commit returned, too. -EINVAL leaves all as it was.
 */

/* -EINVAL: not within MEMMAP_MAX_BYTES, too deep, @region is in a tree. */
int memmap_add(struct memmap_region *parent, struct memmap_region *region,
	       uint64_t offset, int priority);
/* -EINVAL: it is in no tree, or the root of a space. */
int memmap_remove(struct memmap_region *region);
/* A disabled region is not there, nor is what lies in it. */
int memmap_set_enabled(struct memmap_region *region, bool enabled);
int memmap_set_offset(struct memmap_region *region, uint64_t offset);
/* -EEXIST: there is one for the same write; -EINVAL: not within the region;
 * -ENOMEM. */
int memmap_add_eventfd(struct memmap_region *region,
		       const struct memmap_eventfd *eventfd);
/* By all but its fd. -ENOENT. */
int memmap_remove_eventfd(struct memmap_region *region,
			  const struct memmap_eventfd *eventfd);

void memmap_begin(struct memmap *map);
/* Return: 0, -ENOMEM (the old view stays, and is stale until a commit
 * succeeds), or the first error of a listener (the view is the new one). */
int memmap_commit(struct memmap *map);

/*
 * Runs @work behind the outermost commit, at once if none is open. Queued again
 * while it waits, it runs once. It may begin a transaction of its own.
 */
void memmap_defer(struct memmap *map, struct memmap_work *work);

/*
 * Has @part committed at the end of the outermost transaction, once, within it
 * and behind the listeners. It begins no transaction; what it returns is what
 * an error of a listener is. Context: a transaction of the caller's is open.
 */
void memmap_join(struct memmap *map, struct memmap_part *part);

/*
 * Between these two a view stays what it is, and so do the regions in it. No
 * lock is taken, and a reader never waits; it must not sleep for long, nor
 * begin, end or wait for a transaction. They nest.
 */
void memmap_read_lock(void);
void memmap_read_unlock(void);
/* Context: a reader. Never NULL. */
const struct memmap_view *memmap_view(const struct memmap_space *space);
/* Changes of the view's space are waiting for their commit. */
bool memmap_view_is_stale(const struct memmap_view *view);
/* NULL: nothing lies there. Context: the reader that got @view. */
const struct memmap_range *memmap_find(const struct memmap_view *view,
				       uint64_t addr);
/* Every reader that began before has ended. Not from a reader. */
void memmap_wait_for_readers(struct memmap *map);

/*
 * What to do with a thread that looks at a view which its own open transaction
 * has made stale. NULL: abort() with a sentence in debug builds, nothing
 * otherwise.
 */
void memmap_set_stale_hook(struct memmap *map,
			   void (*hook)(void *ctx, const char *space),
			   void *ctx);

/* Context: no transaction is open. */
void memmap_get_stats(const struct memmap *map, struct memmap_stats *ret_stats);

#endif
