/* SPDX-License-Identifier: MIT */
/* The table of DMA regions. */
#include "vfio/device_dma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/sealed.h"

#define PAGE_MASK 4095ull
#define FLAGS (USER_DMA_READABLE | USER_DMA_WRITEABLE)

/* First region that ends behind @address. */
static size_t lower_bound(const struct dma_table *t, uint64_t address)
{
	size_t low = 0, high = t->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->list[mid].address + t->list[mid].size <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool map_valid(const struct user_dma_map *map)
{
	return map->size && !(map->size & PAGE_MASK) &&
	       !(map->address & PAGE_MASK) &&
	       map->address <= UINT64_MAX - map->size && (map->flags & FLAGS) &&
	       !(map->flags & ~FLAGS);
}

static int map_fd(struct dma_region *r, const struct user_dma_map *map, int fd)
{
	int prot = (map->flags & USER_DMA_READABLE ? PROT_READ : 0) |
		   (map->flags & USER_DMA_WRITEABLE ? PROT_WRITE : 0);
	void *p;

	if ((map->offset & PAGE_MASK) || map->offset > INT64_MAX ||
	    map->size > INT64_MAX - map->offset)
		return -EINVAL;
	p = mmap(NULL, map->size, prot, MAP_SHARED | MAP_NORESERVE, fd,
		 (off_t)map->offset);
	if (p == MAP_FAILED)
		return -errno;
	madvise(p, map->size, MADV_DONTDUMP);
	r->hva = p;
	r->sealed = sealed_fd(fd, map->offset + map->size);
	return 0;
}

static int make_room(struct dma_table *t)
{
	size_t room = t->room ? 2 * t->room : 16;
	struct dma_region *list;

	if (t->nr < t->room)
		return 0;
	list = realloc(t->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	t->list = list;
	t->room = room;
	return 0;
}

int dma_table_add(struct dma_table *t, const struct user_dma_map *map, int fd,
		  bool overlap)
{
	struct dma_region r = { .address = map->address,
				.size = map->size,
				.flags = map->flags };
	size_t at;
	int rc;

	if (!map_valid(map) || (fd < 0 && map->offset))
		return -EINVAL;
	at = lower_bound(t, map->address);
	if (at < t->nr && t->list[at].address < map->address + map->size &&
	    !overlap)
		return -EEXIST;
	if (t->nr == USER_DEFAULT_DMA_MAPS)
		return -ENOSPC;
	rc = make_room(t);
	if (!rc && fd >= 0)
		rc = map_fd(&r, map, fd);
	if (rc)
		return rc;
	memmove(t->list + at + 1, t->list + at, (t->nr - at) * sizeof(r));
	t->list[at] = r;
	t->nr++;
	return 0;
}

static void region_exit(struct dma_region *r)
{
	if (r->hva)
		munmap(r->hva, r->size);
}

bool dma_table_has(const struct dma_table *t, uint64_t address, uint64_t size)
{
	size_t at = lower_bound(t, address);

	return at < t->nr && t->list[at].address == address &&
	       t->list[at].size == size;
}

int dma_table_remove(struct dma_table *t, uint64_t address, uint64_t size)
{
	size_t at = lower_bound(t, address);

	if (!dma_table_has(t, address, size))
		return -ENOENT;
	region_exit(&t->list[at]);
	t->nr--;
	memmove(t->list + at, t->list + at + 1,
		(t->nr - at) * sizeof(*t->list));
	return 0;
}

void dma_table_clear(struct dma_table *t)
{
	while (t->nr)
		region_exit(&t->list[--t->nr]);
	free(t->list);
	*t = (struct dma_table){ NULL, 0, 0 };
}

const struct dma_region *dma_table_find(const struct dma_table *t,
					uint64_t address, uint64_t bytes,
					uint32_t need)
{
	size_t at = lower_bound(t, address);
	const struct dma_region *r = t->list + at;

	if (at == t->nr || address < r->address ||
	    bytes > r->size - (address - r->address) ||
	    (r->flags & need) != need)
		return NULL;
	return r;
}

/* Through the kernel, which says EFAULT where a store of ours would be killed
 * by SIGBUS: the client may have cut its file. */
static int copy_checked(void *to, const void *from, size_t bytes, void *theirs)
{
	bool out = to == theirs;
	struct iovec local = { out ? (void *)(uintptr_t)from : to, bytes };
	struct iovec remote = { theirs, bytes };
	ssize_t n = out ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0)
			: process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	return n == (ssize_t)bytes ? 0 : -EFAULT;
}

int dma_region_write(const struct dma_region *r, uint64_t address,
		     const void *data, size_t bytes)
{
	uint8_t *to = r->hva + (address - r->address);
	uint64_t word;

	if (!r->sealed)
		return copy_checked(to, data, bytes, to);
	if (bytes == sizeof(word) && !((uintptr_t)to % sizeof(word))) {
		memcpy(&word, data, sizeof(word));
		__atomic_store_n((uint64_t *)to, word, __ATOMIC_RELEASE);
	} else {
		memcpy(to, data, bytes);
	}
	return 0;
}

int dma_region_read(const struct dma_region *r, uint64_t address, void *data,
		    size_t bytes)
{
	uint8_t *from = r->hva + (address - r->address);

	if (!r->sealed)
		return copy_checked(data, from, bytes, from);
	memcpy(data, from, bytes);
	return 0;
}
