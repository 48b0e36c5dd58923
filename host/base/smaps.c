/* SPDX-License-Identifier: MIT */
/* /proc/PID/smaps, for a range of addresses. */
#include "base/smaps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/procfile.h"

#define BYTES_2M (2ull << 20)
#define BYTES_1G (1ull << 30)

/* The lines of one mapping that tell page sizes, in bytes. */
struct entry {
	uint64_t rss, page, swap;
	/* PMD-mapped transparent huge pages of any kind. */
	uint64_t anon_huge, shmem_huge, file_huge;
	/* hugetlb pages are in no Rss. */
	uint64_t hugetlb_shared, hugetlb_private;
};

static void take_line(const char *line, struct entry *e)
{
	const struct {
		const char *key;
		uint64_t *value;
	} fields[] = {
		{ "Rss:", &e->rss },
		{ "KernelPageSize:", &e->page },
		{ "Swap:", &e->swap },
		{ "AnonHugePages:", &e->anon_huge },
		{ "ShmemPmdMapped:", &e->shmem_huge },
		{ "FilePmdMapped:", &e->file_huge },
		{ "Shared_Hugetlb:", &e->hugetlb_shared },
		{ "Private_Hugetlb:", &e->hugetlb_private },
	};
	uint64_t kib;
	size_t i, len;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		len = strlen(fields[i].key);
		if (!strncmp(line, fields[i].key, len) &&
		    procfile_u64(line + len, &kib))
			*fields[i].value = kib << 10;
	}
}

static void add_entry(const struct entry *e, struct smaps *sum)
{
	uint64_t thp = e->anon_huge + e->shmem_huge + e->file_huge;
	uint64_t hugetlb = e->hugetlb_shared + e->hugetlb_private;

	sum->bytes_4k += e->rss > thp ? e->rss - thp : 0;
	sum->bytes_2m += thp;
	if (e->page == BYTES_2M)
		sum->bytes_2m += hugetlb;
	else if (e->page == BYTES_1G)
		sum->bytes_1g += hugetlb;
	sum->swap_bytes += e->swap;
}

/* "7f00-7f10 rw-p ...": the first line of a mapping. */
static bool is_header(const char *line, uint64_t *ret_start, uint64_t *ret_end)
{
	return sscanf(line, "%" SCNx64 "-%" SCNx64 " ", ret_start, ret_end) ==
	       2;
}

int smaps_parse(FILE *f, uint64_t start, uint64_t bytes, struct smaps *ret)
{
	struct smaps sum = { .mapped_bytes = 0 };
	struct entry e = { .rss = 0 };
	uint64_t from, to;
	bool inside = false;
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, f) > 0) {
		if (!is_header(line, &from, &to)) {
			take_line(line, &e);
			continue;
		}
		if (inside)
			add_entry(&e, &sum);
		e = (struct entry){ .rss = 0 };
		inside = from < start + bytes && to > start && to > from;
		if (inside)
			sum.mapped_bytes += to - from;
	}
	if (inside)
		add_entry(&e, &sum);
	free(line);
	if (!sum.mapped_bytes)
		return -ENOENT;
	*ret = sum;
	return 0;
}

int smaps_read(pid_t pid, uint64_t start, uint64_t bytes, struct smaps *ret)
{
	char path[64] = "/proc/self/smaps";
	FILE *f;
	int rc;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	rc = smaps_parse(f, start, bytes, ret);
	fclose(f);
	return rc;
}

uint64_t smaps_of_size(const struct smaps *s, uint64_t page_bytes)
{
	switch (page_bytes) {
	case 4096:
		return s->bytes_4k;
	case BYTES_2M:
		return s->bytes_2m;
	case BYTES_1G:
		return s->bytes_1g;
	default:
		return 0;
	}
}
