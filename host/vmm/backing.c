/* SPDX-License-Identifier: MIT */
/* Backings of RAM: anonymous, huge, memfd, file. */
#include "vmm/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define KIB4 4096ull
#define MIB2 (2ull << 20)
#define GIB1 (1ull << 30)

/* <linux/mman.h>: the size's logarithm; the same for MAP_ and MFD_. */
#define HUGE_2MB (21u << 26)
#define HUGE_1GB (30u << 26)

static const struct {
	const char *name;
	uint64_t own; /* page size; 0 = the file system says */
	uint64_t sizes; /* those that are possible, ORed */
} kinds[] = {
	[GUESTMEM_ANON] = { "anon", KIB4, KIB4 },
	[GUESTMEM_THP] = { "thp", MIB2, MIB2 },
	[GUESTMEM_HUGETLB] = { "hugetlb", MIB2, MIB2 | GIB1 },
	[GUESTMEM_MEMFD] = { "memfd", KIB4, KIB4 | MIB2 | GIB1 },
	[GUESTMEM_FILE] = { "file", 0, KIB4 | MIB2 | GIB1 },
};

static const char *size_name(uint64_t bytes)
{
	return bytes == GIB1 ? "1 GiB" : bytes == MIB2 ? "2 MiB" : "4 KiB";
}

/* Does the file lie among huge pages? By its directory, if it is new. */
static int file_page_bytes(const char *path, uint64_t *ret, struct error *err)
{
	char dir[PATH_MAX];
	struct statfs fs;
	char *slash;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return error_set(err, -EINVAL,
				 "the path of RAM's file is too "
				 "long");
	slash = strrchr(dir, '/');
	if (statfs(dir, &fs)) {
		if (!slash)
			strcpy(dir, ".");
		else
			slash[slash == dir] = '\0';
		if (statfs(dir, &fs))
			return error_set(err, -EINVAL,
					 "RAM cannot be kept in '%s': %s", path,
					 strerror(errno));
	}
	*ret = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : KIB4;
	return 0;
}

int backing_resolve(struct guestmem_params *p, struct error *err)
{
	uint64_t own = kinds[p->backing].own;
	int rc = 0;

	if (!own && !p->path)
		return error_set(err, -EINVAL,
				 "RAM in a file takes a path: file:PATH");
	if (!own)
		rc = file_page_bytes(p->path, &own, err);
	if (rc)
		return rc;
	if (!p->page_bytes)
		p->page_bytes = own;
	if (!(p->page_bytes & kinds[p->backing].sizes) ||
	    (p->backing == GUESTMEM_FILE && p->page_bytes != own))
		return error_set(
			err, -EINVAL, "backing %s%s%s has no pages of %s",
			kinds[p->backing].name, p->path ? " in " : "",
			p->path ? p->path : "", size_name(p->page_bytes));
	if (p->ram_bytes % p->page_bytes)
		return error_set(err, -EINVAL,
				 "guest RAM of %" PRIu64
				 " MiB does not consist of whole pages of %s",
				 p->ram_bytes >> 20, size_name(p->page_bytes));
	return 0;
}

static bool is_huge(const struct guestmem_params *p)
{
	return p->backing != GUESTMEM_THP && p->page_bytes > KIB4;
}

/* Huge pages are the administrator's to give: say how. */
static int no_huge(const struct guestmem_params *p, uint64_t bytes, int rc,
		   struct error *err)
{
	bool gib = p->page_bytes == GIB1;
	uint64_t nr = bytes / p->page_bytes;

	if (rc != -ENOMEM && rc != -EINVAL && rc != -ENODEV && rc != -ENOENT)
		return error_set(err, rc, "cannot get pages of %s: %s",
				 size_name(p->page_bytes), strerror(-rc));
	if (gib)
		return error_set(err, -EOPNOTSUPP,
				 "this host has not got %" PRIu64
				 " free huge page%s of 1 GiB for guest RAM: "
				 "write their number to /sys/kernel/mm/"
				 "hugepages/hugepages-1048576kB/nr_hugepages, "
				 "or boot with hugepagesz=1G hugepages=N",
				 nr, nr == 1 ? "" : "s");
	return error_set(err, -EOPNOTSUPP,
			 "this host has not got %" PRIu64
			 " free huge pages of 2 MiB for guest RAM: reserve "
			 "them by sysctl vm.nr_hugepages=N, for source and "
			 "target together",
			 nr);
}

/* Of fixed size for ever: who gets it handed over may rely on that. */
static int open_memfd(const struct guestmem_params *p, const char *name,
		      uint64_t bytes, int *ret_fd)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd, rc;

	if (p->page_bytes == MIB2)
		flags |= MFD_HUGETLB | HUGE_2MB;
	else if (p->page_bytes == GIB1)
		flags |= MFD_HUGETLB | HUGE_1GB;
	fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

/* A name that is taken is somebody's. */
static int create_file(const char *path, int *ret_fd)
{
	char name[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "%s", path);
	if (!stat(path, &st) && S_ISDIR(st.st_mode) &&
	    snprintf(name, sizeof(name), "%s/vmferry-ram-%d", path, getpid()) >=
		    (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* Whatever ends us: nothing is left behind. */
	unlink(name);
	*ret_fd = fd;
	return 0;
}

static int open_file(const struct guestmem_params *p, uint64_t bytes,
		     int *ret_fd, struct error *err)
{
	int fd = -1, rc = create_file(p->path, &fd);

	if (!rc && ftruncate(fd, (off_t)bytes)) {
		rc = -errno;
		close(fd);
	}
	if (rc == -EEXIST)
		return error_set(err, -EINVAL,
				 "'%s' is there already: RAM goes into a new "
				 "file, or into one of our own in a directory",
				 p->path);
	if (rc)
		return error_set(err, rc == -ENOSPC ? rc : -EINVAL,
				 "cannot make a file of %" PRIu64
				 " MiB at '%s': %s",
				 bytes >> 20, p->path, strerror(-rc));
	*ret_fd = fd;
	return 0;
}

int backing_open(const struct guestmem_params *p, const char *name,
		 uint64_t bytes, int *ret_fd, struct error *err)
{
	int rc = 0;

	*ret_fd = -1;
	switch (p->backing) {
	case GUESTMEM_MEMFD:
		rc = open_memfd(p, name, bytes, ret_fd);
		break;
	case GUESTMEM_FILE:
		return open_file(p, bytes, ret_fd, err);
	default:
		return 0;
	}
	if (rc && is_huge(p))
		return no_huge(p, bytes, rc, err);
	return rc ? error_set(err, rc,
			      "cannot make a memfd of %" PRIu64 " MiB: %s",
			      bytes >> 20, strerror(-rc))
		  : 0;
}

/* Huge pages are reserved by their mapping, so that want shows now and not as
 * SIGBUS; all others come as they are touched. */
static int map_flags(const struct guestmem_params *p,
		     const struct guestmem_region *r)
{
	int flags = r->memfd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

	if (!is_huge(p))
		return flags | MAP_NORESERVE;
	if (p->backing == GUESTMEM_HUGETLB)
		flags |= MAP_HUGETLB |
			 (int)(p->page_bytes == GIB1 ? HUGE_1GB : HUGE_2MB);
	return flags;
}

/* Maps @r on a boundary where huge pages fit guest and host alike. */
static int map_aligned(struct guestmem_region *r, int flags)
{
	uint64_t align = r->page_bytes > MIB2 ? r->page_bytes : MIB2;
	uint8_t *room, *at, *end;
	int rc;

	room = mmap(NULL, r->bytes + align, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return -errno;
	end = room + r->bytes + align;
	at = room + (align - (uintptr_t)room % align) % align;
	if (mmap(at, r->bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED,
		 r->memfd, 0) == MAP_FAILED) {
		rc = -errno;
		munmap(room, r->bytes + align);
		return rc;
	}
	if (at > room)
		munmap(room, (size_t)(at - room));
	if (end > at + r->bytes)
		munmap(at + r->bytes, (size_t)(end - (at + r->bytes)));
	r->hva = at;
	return 0;
}

static void advise(const struct guestmem_params *p, struct guestmem_region *r)
{
	/* Best effort: a core dump of the VMM should not hold the guest; and a
	 * kernel without transparent huge pages has nothing to be told. */
	madvise(r->hva, r->bytes, MADV_DONTDUMP);
	if (p->backing == GUESTMEM_ANON)
		madvise(r->hva, r->bytes, MADV_NOHUGEPAGE);
	if (p->backing == GUESTMEM_THP)
		madvise(r->hva, r->bytes, MADV_HUGEPAGE);
}

static int populate(const struct guestmem_region *r, struct error *err)
{
	int rc = madvise(r->hva, r->bytes, MADV_POPULATE_WRITE) ? -errno : 0;

	if (rc == -EINVAL)
		return error_set(err, -EOPNOTSUPP,
				 "preallocation takes Linux 5.14 "
				 "(MADV_POPULATE_WRITE)");
	if (rc)
		return error_set(err, rc,
				 "cannot preallocate %" PRIu64 " MiB for %s: "
				 "%s",
				 r->bytes >> 20, r->name, strerror(-rc));
	return 0;
}

int backing_map(const struct guestmem_params *p, struct guestmem_region *r,
		struct error *err)
{
	int rc = map_aligned(r, map_flags(p, r));

	if (rc && is_huge(p))
		return no_huge(p, r->bytes, rc, err);
	if (rc)
		return error_set(err, rc,
				 "cannot map %" PRIu64 " MiB for %s: %s",
				 r->bytes >> 20, r->name, strerror(-rc));
	advise(p, r);
	return p->prealloc ? populate(r, err) : 0;
}
