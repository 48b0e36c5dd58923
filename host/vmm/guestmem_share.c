/* SPDX-License-Identifier: MIT */
/* RAM that changes hands from one process to another, by its memfd. */
#include "vmm/guestmem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vmm/vm_impl.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static bool is_sealed(int fd)
{
	int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}

bool guestmem_is_sealed(const struct guestmem_region *r)
{
	return r->is_ram && is_sealed(r->memfd);
}

/* Of a memfd; 0 = no such file system. */
static uint64_t page_bytes_of(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return 0;
	if (fs.f_type == HUGETLBFS_MAGIC)
		return (uint64_t)fs.f_bsize;
	return fs.f_type == TMPFS_MAGIC ? 4096 : 0;
}

/* Past the end of a file that shrinks, a mapping is a trap. */
static int check(const struct guestmem_region *r, int fd, struct error *err)
{
	struct stat st;

	if (!guestmem_is_sealed(r))
		return error_set(err, -EPROTO,
				 "memory came for %s, which is in no memfd "
				 "here",
				 r->name);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !is_sealed(fd))
		return error_set(err, -EPROTO,
				 "what came for %s is no sealed memfd",
				 r->name);
	if ((uint64_t)st.st_size != r->bytes)
		return error_set(err, -EPROTO,
				 "the memfd that came for %s has %llu bytes, "
				 "not %llu",
				 r->name, (unsigned long long)st.st_size,
				 (unsigned long long)r->bytes);
	if (page_bytes_of(fd) != r->page_bytes)
		return error_set(err, -EPROTO,
				 "the memfd that came for %s has pages of %llu "
				 "bytes, not %llu",
				 r->name, (unsigned long long)page_bytes_of(fd),
				 (unsigned long long)r->page_bytes);
	return 0;
}

static int map_over(const struct guestmem_region *r, int fd)
{
	if (mmap(r->hva, r->bytes, PROT_READ,
		 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) == MAP_FAILED)
		return -errno;
	madvise(r->hva, r->bytes, MADV_DONTDUMP);
	if (r->page_bytes == 4096)
		madvise(r->hva, r->bytes, MADV_NOHUGEPAGE);
	return 0;
}

int guestmem_adopt(struct guestmem *mem, unsigned int index, int fd,
		   struct error *err)
{
	struct guestmem_region *r = &mem->region[index];
	int rc = index < mem->nr_regions ? check(r, fd, err) : -EINVAL;

	if (!rc) {
		rc = map_over(r, fd);
		if (!rc && dup3(fd, r->memfd, O_CLOEXEC) < 0)
			rc = -errno;
		r->adopted = !rc;
		if (rc)
			error_set(err, rc, "cannot map what came for %s: %s",
				  r->name, strerror(-rc));
	}
	close(fd);
	return rc;
}

int guestmem_take(struct guestmem *mem)
{
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++) {
		struct guestmem_region *r = &mem->region[i];

		if (!r->adopted)
			continue;
		if (mprotect(r->hva, r->bytes, PROT_READ | PROT_WRITE))
			return -errno;
		r->adopted = false;
	}
	return 0;
}

int guestmem_drop(struct guestmem *mem)
{
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++) {
		const struct guestmem_region *r = &mem->region[i];

		if (guestmem_is_sealed(r) &&
		    mmap(r->hva, r->bytes, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED |
				 MAP_NORESERVE,
			 -1, 0) == MAP_FAILED)
			return -errno;
	}
	return 0;
}

int vm_adopt_memory(struct vm *vm, unsigned int region, int fd,
		    struct error *err)
{
	return guestmem_adopt(&vm->mem, region, fd, err);
}

int vm_take_memory(struct vm *vm)
{
	return guestmem_take(&vm->mem);
}

int vm_drop_memory(struct vm *vm)
{
	return guestmem_drop(&vm->mem);
}
