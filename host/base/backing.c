/* SPDX-License-Identifier: MIT */
/* Memory of a chosen kind, mapped. */
#include "base/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hugepages.h"
#include "base/units.h"

#define BYTES_4K 4096ull
#define BYTES_2M (2ull << 20)
#define BYTES_1G (1ull << 30)

const char *const backing_names[] = { "anon",  "thp",  "hugetlb",
				      "memfd", "file", NULL };

uint64_t backing_default_page_bytes(enum backing_kind kind)
{
	return kind == BACKING_THP || kind == BACKING_HUGETLB ? BYTES_2M
							      : BYTES_4K;
}

bool backing_is_pooled(enum backing_kind kind, uint64_t page_bytes)
{
	return kind == BACKING_HUGETLB ||
	       (kind == BACKING_MEMFD && page_bytes != BYTES_4K);
}

int backing_check(enum backing_kind kind, uint64_t page_bytes,
		  struct error *err)
{
	static const struct {
		bool small, two_m, one_g;
		const char *has;
	} sizes[] = {
		[BACKING_ANON] = { true, false, false,
				   "4K; --backing thp and hugetlb have more" },
		[BACKING_THP] = { false, true, false, "2M" },
		[BACKING_HUGETLB] = { false, true, true, "2M and 1G" },
		[BACKING_MEMFD] = { true, true, true, "4K, 2M and 1G" },
		[BACKING_FILE] = { true, false, false, "4K" },
	};
	char size[UNITS_TEXT_BYTES];

	if ((page_bytes == BYTES_4K && sizes[kind].small) ||
	    (page_bytes == BYTES_2M && sizes[kind].two_m) ||
	    (page_bytes == BYTES_1G && sizes[kind].one_g))
		return 0;
	return error_set(err, -EINVAL,
			 "--backing %s has no pages of %s: only of %s",
			 backing_names[kind],
			 units_format_size(size, page_bytes), sizes[kind].has);
}

int backing_parse(const char *text, enum backing_kind *ret_kind,
		  const char **ret_path, struct error *err)
{
	size_t len = strcspn(text, ":");
	const char *path = text[len] ? text + len + 1 : NULL;
	unsigned int i;

	for (i = 0; backing_names[i]; i++)
		if (strlen(backing_names[i]) == len &&
		    !strncmp(backing_names[i], text, len))
			break;
	if (!backing_names[i])
		return error_set(err, -EINVAL,
				 "--backing takes one of anon, thp, hugetlb, "
				 "memfd, file:PATH, not '%s'",
				 text);
	if (i == BACKING_FILE && (!path || !*path))
		return error_set(err, -EINVAL,
				 "--backing file takes a path: file:PATH");
	if (i != BACKING_FILE && path)
		return error_set(err, -EINVAL, "--backing %s takes no path",
				 backing_names[i]);
	*ret_kind = (enum backing_kind)i;
	*ret_path = path;
	return 0;
}

/* log2 of the page size where mmap(2) and memfd_create(2) want it. */
static unsigned int huge_bits(uint64_t page_bytes)
{
	return (page_bytes == BYTES_1G ? 30u : 21u) << MAP_HUGE_SHIFT;
}

/* Without a name whatever ends us: nothing is left behind. */
static int open_file(const char *path)
{
	struct stat st;
	int fd;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return open(path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int open_backing(const struct backing_params *p, int *ret_fd)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd, rc;

	*ret_fd = -1;
	if (p->kind != BACKING_MEMFD && p->kind != BACKING_FILE)
		return 0;
	if (p->kind == BACKING_MEMFD && p->page_bytes != BYTES_4K)
		flags |= MFD_HUGETLB | huge_bits(p->page_bytes);
	fd = p->kind == BACKING_FILE ? open_file(p->path)
				     : memfd_create(p->name, flags);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)p->bytes) &&
	    (p->kind != BACKING_MEMFD || !p->sealed ||
	     !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))) {
		*ret_fd = fd;
		return 0;
	}
	rc = -errno;
	close(fd);
	return rc;
}

static int map_flags(const struct backing_params *p, int fd)
{
	int flags = MAP_FIXED;

	flags |= fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	if (p->kind == BACKING_HUGETLB)
		flags |= MAP_HUGETLB | (int)huge_bits(p->page_bytes);
	/* Of small pages it is only a promise of the overcommit accounting. */
	if (!p->reserve || !backing_is_pooled(p->kind, p->page_bytes))
		flags |= MAP_NORESERVE;
	return flags;
}

/*
 * At least a page of no access stays at either end: without it the kernel would
 * join the mapping with a neighbour, and smaps would tell of both.
 */
static int map(const struct backing_params *p, struct backing *b)
{
	uint64_t align = p->page_bytes > BYTES_2M ? p->page_bytes : BYTES_2M;
	uint64_t room_bytes = p->bytes + 2 * align;
	uint8_t *room, *at;
	int rc;

	room = mmap(NULL, room_bytes, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return -errno;
	at = room + (align - (uintptr_t)room % align);
	if (mmap(at, p->bytes, PROT_READ | PROT_WRITE, map_flags(p, b->fd),
		 b->fd, 0) == MAP_FAILED) {
		rc = -errno;
		munmap(room, room_bytes);
		return rc;
	}
	b->base = at;
	b->room = room;
	b->room_bytes = room_bytes;
	return 0;
}

/* Best effort: smaps tells what came of it. */
static void advise(const struct backing_params *p, const struct backing *b)
{
	madvise(b->base, b->bytes, MADV_DONTDUMP);
	if (p->kind == BACKING_THP)
		madvise(b->base, b->bytes, MADV_HUGEPAGE);
	else if (p->page_bytes == BYTES_4K)
		madvise(b->base, b->bytes, MADV_NOHUGEPAGE);
}

static int explain(const struct backing_params *p, int rc, struct error *err)
{
	char size[UNITS_TEXT_BYTES], page[UNITS_TEXT_BYTES];
	char remedy[HUGEPAGES_TEXT_BYTES] = "";
	bool pooled = backing_is_pooled(p->kind, p->page_bytes) &&
		      (rc == -ENOMEM || rc == -ENODEV || rc == -EINVAL);

	if (pooled)
		hugepages_remedy(p->page_bytes, p->bytes / p->page_bytes,
				 remedy);
	return error_set(err, pooled ? -ENOMEM : rc,
			 "cannot map %s of %s in pages of %s%s%s: %s%s%s",
			 units_format_size(size, p->bytes),
			 backing_names[p->kind],
			 units_format_size(page, p->page_bytes),
			 p->kind == BACKING_FILE ? " from " : "",
			 p->kind == BACKING_FILE ? p->path : "", strerror(-rc),
			 remedy[0] ? "; " : "", remedy);
}

int backing_create(const struct backing_params *p, struct backing *ret,
		   struct error *err)
{
	struct backing b = { .bytes = p->bytes, .page_bytes = p->page_bytes };
	int rc = backing_check(p->kind, p->page_bytes, err);

	if (rc)
		return rc;
	if (!p->bytes || p->bytes % p->page_bytes || p->bytes >> 46)
		return error_set(err, -EINVAL,
				 "memory must be whole pages below 64 TiB, not "
				 "%llu bytes",
				 (unsigned long long)p->bytes);
	rc = open_backing(p, &b.fd);
	if (!rc) {
		rc = map(p, &b);
		if (rc && b.fd >= 0)
			close(b.fd);
	}
	if (rc)
		return explain(p, rc, err);
	advise(p, &b);
	*ret = b;
	return 0;
}

void backing_destroy(struct backing *b)
{
	if (!b->room)
		return;
	munmap(b->room, b->room_bytes);
	if (b->fd >= 0)
		close(b->fd);
	memset(b, 0, sizeof(*b));
}
