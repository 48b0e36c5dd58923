/* SPDX-License-Identifier: MIT */
/* From a guest's access to the registers that it is for. */
#include "vmm/io.h"

#include <unistd.h>

int io_region_init(struct io_region *io, const char *name, uint64_t bytes,
		   const struct io_ops *ops, void *ctx)
{
	io->ops = ops;
	io->ctx = ctx;
	return memmap_region_init(&io->region, name, MEMMAP_IO, bytes, io);
}

/* A device's registers at @addr, all @bytes of them, or NULL. */
static struct io_region *find(const struct memmap_view *view, uint64_t addr,
			      unsigned int bytes, uint64_t *ret_offset)
{
	const struct memmap_range *range = memmap_find(view, addr);

	if (!range || range->region->kind != MEMMAP_IO ||
	    bytes > range->bytes - (addr - range->addr))
		return NULL;
	*ret_offset = range->offset + (addr - range->addr);
	return range->region->owner;
}

static uint64_t ones(unsigned int bytes)
{
	return ~0ull >> (64 - 8 * bytes);
}

uint64_t io_read(const struct memmap_space *space, uint64_t addr,
		 unsigned int bytes)
{
	struct io_region *io;
	uint64_t offset = 0;

	memmap_read_lock();
	io = find(memmap_view(space), addr, bytes, &offset);
	memmap_read_unlock();
	/* Devices stay for as long as the machine has vCPUs: the callback
	 * needs no lock and may change the map. */
	if (!io)
		return ones(bytes);
	if (!io->ops->read)
		return 0;
	return io->ops->read(io->ctx, offset, bytes) & ones(bytes);
}

/* The first bell at or behind @addr. */
static unsigned int first_bell(const struct memmap_view *view, uint64_t addr)
{
	unsigned int low = 0, high = view->nr_bells;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (view->bells[middle].addr < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool rings(const struct memmap_eventfd *e, unsigned int bytes,
		  uint64_t value)
{
	return (!e->bytes || e->bytes == bytes) &&
	       (!e->match || e->value == value);
}

static bool ring(const struct memmap_view *view, uint64_t addr,
		 unsigned int bytes, uint64_t value)
{
	unsigned int i = first_bell(view, addr);
	const uint64_t one = 1;

	for (; i < view->nr_bells && view->bells[i].addr == addr; i++) {
		const struct memmap_eventfd *e = &view->bells[i].eventfd;

		if (!rings(e, bytes, value))
			continue;
		/* Full: it has rung already. */
		return write(e->fd, &one, sizeof(one)) == sizeof(one) || true;
	}
	return false;
}

void io_write(const struct memmap_space *space, uint64_t addr,
	      unsigned int bytes, uint64_t value)
{
	const struct memmap_view *view;
	struct io_region *io = NULL;
	uint64_t offset = 0;

	value &= ones(bytes);
	memmap_read_lock();
	view = memmap_view(space);
	if (!ring(view, addr, bytes, value))
		io = find(view, addr, bytes, &offset);
	memmap_read_unlock();
	if (io && io->ops->write)
		io->ops->write(io->ctx, offset, bytes, value);
}
