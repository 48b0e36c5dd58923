/* SPDX-License-Identifier: MIT */
/*
 * Registers in the memory map: what a guest's access comes to.
 *
 * An io_region is a memmap_region of kind MEMMAP_IO whose owner is itself. A
 * write that rings an eventfd of the region rings it and is no write of the
 * region: KVM keeps it from us, and where KVM could not take the eventfd it is
 * rung here.
 */
#ifndef VMFERRY_VMM_IO_H
#define VMFERRY_VMM_IO_H

#include <stdint.h>

#include "vmm/memmap.h"

/*
 * @offset is within the region; @bytes is 1, 2, 4 or 8 and no access reaches
 * beyond the region's end. No lock is held: several vCPUs may call at a time.
 * A callback may begin a transaction of the map, and if it takes a lock of the
 * device besides, then behind memmap_begin(): the transaction is the outermost
 * lock, since a load has one open when it calls the device.
 */
struct io_ops {
	uint64_t (*read)(void *ctx, uint64_t offset, unsigned int bytes);
	void (*write)(void *ctx, uint64_t offset, unsigned int bytes,
		      uint64_t value);
};

struct io_region {
	struct memmap_region region;
	const struct io_ops *ops;
	void *ctx;
};

/* As memmap_region_init(); goes with memmap_region_fini(&io->region). A NULL
 * callback reads as zero and ignores writes. */
int io_region_init(struct io_region *io, const char *name, uint64_t bytes,
		   const struct io_ops *ops, void *ctx);

/*
 * A guest's access to @space. Nobody there: reads give all ones, writes are
 * lost. Context: no reader of the map, no transaction of this thread.
 */
uint64_t io_read(const struct memmap_space *space, uint64_t addr,
		 unsigned int bytes);
void io_write(const struct memmap_space *space, uint64_t addr,
	      unsigned int bytes, uint64_t value);

#endif
