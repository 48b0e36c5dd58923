/* SPDX-License-Identifier: MIT */
/*
 * What the migration engine needs of a virtual machine, and all it knows of
 * one. The mini VMM implements it on KVM (host/machine/migration.c); the unit
 * tests on an array.
 */
#ifndef VMFERRY_MIGRATE_VM_OPS_H
#define VMFERRY_MIGRATE_VM_OPS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct error;

/* A stretch of guest memory, migrated page by page. */
struct migrate_region {
	uint64_t gpa; /* page-aligned; regions are sorted and disjoint */
	uint64_t bytes; /* whole pages, at least one */
	uint8_t *hva; /* stays mapped while the engine runs */
};

#define MIGRATE_MAX_REGIONS 16u
/* Connections of one migration. */
#define MIGRATE_MAX_CHANNELS 16u

/**
 * struct migrate_handover_ops - RAM that changes hands by its descriptor.
 *
 * Both machines then map the same pages: until `go` only the source writes
 * them, after it only the target; the source shall unmap them then.
 */
struct migrate_handover_ops {
	/* Source. The memfd of region @index, still the machine's; -1: its
	 * pages travel. */
	int (*fd)(void *vm, unsigned int index);
	/*
	 * Target. Puts the memory of @fd in the place of region @index, at the
	 * same address, for reading only. @fd is a hostile peer's, and taken
	 * over whatever happens. Return: 0 or -errno, a sentence.
	 */
	int (*map)(void *vm, unsigned int index, int fd, struct error *err);
	/* Target, after `go`: it is ours, make it writable. */
	int (*take)(void *vm);
};

#define MIGRATE_MAX_DEVICES 16u

/* What is left of the devices' own data, all of them together. */
struct migrate_device_left {
	uint64_t must_bytes; /* to be read before the machine may stop */
	uint64_t now_bytes; /* that can be read while it runs, these included */
	uint64_t stopped_bytes; /* to be read after the pause; a guess */
};

/**
 * struct migrate_device_ops - devices with data of their own.
 *
 * More than fits into the machine's state, or nothing that it could look into:
 * VFIO devices. Each one's data is a string of bytes. What can be read while
 * the machine runs goes between the rounds (pre-copy), the rest after the
 * pause, behind the last pages.
 */
struct migrate_device_ops {
	/* 0..MIGRATE_MAX_DEVICES; constant. */
	unsigned int (*nr)(void *vm);
	/* Source, running. Return: 0 or -errno. */
	int (*left)(void *vm, struct migrate_device_left *ret_left);
	/*
	 * Source. Return: bytes of device @index's data, up to @bytes; 0:
	 * none at the moment, or after the pause: that was all; -errno.
	 */
	ssize_t (*read)(void *vm, unsigned int index, void *data, size_t bytes);
	/* Target; as hostile as the stream. 0 or -errno, a sentence. */
	int (*write)(void *vm, unsigned int index, const void *data,
		     size_t bytes, struct error *err);
	/* Target: that was all of it; the device takes it, or refuses. */
	int (*finish)(void *vm, unsigned int index, struct error *err);
};

/**
 * struct migrate_vm_ops - a machine to migrate from or to.
 *
 * All return 0 or -errno, unless said otherwise. Calls come one at a time, from
 * the thread that runs migrate_source_run() or migrate_target_run(); but
 * clear_dirty(), touched() and reached() from any of the engine's threads.
 */
struct migrate_vm_ops {
	/* Number of regions, 1..MIGRATE_MAX_REGIONS; constant. */
	unsigned int (*nr_regions)(void *vm);
	/* Fills in region @index. */
	void (*region)(void *vm, unsigned int index,
		       struct migrate_region *ret_region);

	/* Source. Start logging writes; from here on every page counts as
	 * dirty until fetch_dirty() and clear_dirty() have seen it. */
	int (*log_start)(void *vm);
	/* Source. Ends logging; called on every way out. */
	int (*log_stop)(void *vm);
	/*
	 * Source. ORs the dirty pages of region @index into @bitmap (one bit
	 * a page, least significant first, @bitmap_bytes long). The pages
	 * stay logged until clear_dirty().
	 */
	int (*fetch_dirty)(void *vm, unsigned int index, uint64_t *bitmap,
			   size_t bitmap_bytes);
	/*
	 * Source. Forget the pages [@first, @first + @nr) that are set in
	 * @bitmap (the region's whole bitmap; @first a multiple of 64, @nr
	 * too, or up to the region's end). A page read after this call is
	 * either current or will be fetched as dirty again.
	 */
	int (*clear_dirty)(void *vm, unsigned int index, uint64_t first,
			   uint64_t nr, const uint64_t *bitmap);

	/*
	 * Source; may be NULL. Sets a bit for each page of [@first, @first +
	 * @nr) of region @index that may hold anything but zeros; @nr at most
	 * 512. Others need not be read. Failing, it may be all of them.
	 */
	int (*touched)(void *vm, unsigned int index, uint64_t first,
		       unsigned int nr, uint64_t *ret_bits);

	/* Source. Stop all vCPUs and devices; on return none writes memory. */
	int (*pause)(void *vm);
	/* Source: go on after a failure. Target: run. */
	int (*resume)(void *vm);

	/*
	 * Target; may be NULL. In the first pass pages of region @index up to
	 * @end_page are about to be received, or have been: it has come so
	 * far. From any of the engine's threads. Return: 0, or -errno with a
	 * sentence if the machine cannot have its memory.
	 */
	int (*reached)(void *vm, unsigned int index, uint64_t end_page,
		       struct error *err);

	/*
	 * Source, running; may be NULL. Append what the target may know of
	 * the devices beforehand; nothing: it is told nothing.
	 */
	int (*announce)(void *vm, struct buf *state);
	/* Target; may be NULL: nothing can be announced then. As hostile as
	 * the stream; load_state() follows and says how it really is. */
	int (*prepare)(void *vm, const uint8_t *state, size_t bytes);

	/* Source, paused: append the state of vCPUs and devices. */
	int (*save_state)(void *vm, struct buf *state);
	/* Target: load it. The bytes are as hostile as the stream. */
	int (*load_state)(void *vm, const uint8_t *state, size_t bytes);

	const struct migrate_handover_ops *handover; /* NULL = it cannot */
	const struct migrate_device_ops *devices; /* NULL = it has none */
};

#endif
