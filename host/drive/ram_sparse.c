/* SPDX-License-Identifier: MIT */
/* Guest memory from outside: the touched pages of it. */
#include "drive/ram_sparse.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi.h"
#include "base/touched.h"

_Static_assert(RAM_SPARSE_PAGES <= TOUCHED_MAX_PAGES, "one call");

static int open_file(const struct ram *ram, const struct ram_region *r)
{
	char path[64];

	if (r->file < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", ram->pid, r->file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void ram_sparse_open(struct ram_sparse *s, const struct ram *ram)
{
	unsigned int i;

	s->ram = ram;
	s->pagemap_fd = touched_open_pagemap(ram->pid);
	for (i = 0; i < ram->nr_regions; i++)
		s->file_fd[i] = open_file(ram, &ram->region[i]);
}

void ram_sparse_close(struct ram_sparse *s)
{
	unsigned int i;

	for (i = 0; i < s->ram->nr_regions; i++)
		if (s->file_fd[i] >= 0)
			close(s->file_fd[i]);
	if (s->pagemap_fd >= 0)
		close(s->pagemap_fd);
}

uint64_t ram_sparse_touched(struct ram_sparse *s, uint64_t gpa, uint64_t bytes)
{
	unsigned int i, nr = (unsigned int)(bytes / ABI_PAGE_BYTES);
	uint64_t bits = 0, at;
	int rc = -1;

	for (i = 0; i < s->ram->nr_regions; i++) {
		const struct ram_region *r = &s->ram->region[i];

		at = gpa - r->gpa;
		if (at >= r->bytes || bytes > r->bytes - at)
			continue;
		if (s->file_fd[i] >= 0)
			rc = touched_file(s->file_fd[i], at, nr, &bits);
		else if (r->file == RAM_PRIVATE)
			rc = touched_private(s->pagemap_fd, r->hva + at, nr,
					     &bits);
	}
	return rc ? UINT64_MAX : bits;
}

int ram_sparse_read(const struct ram_sparse *s, uint64_t gpa, uint8_t *buf,
		    uint64_t bytes, uint64_t touched)
{
	uint64_t nr = bytes / ABI_PAGE_BYTES, page, run;
	int rc = 0;

	for (page = 0; !rc && page < nr; page += run) {
		bool here = touched >> page & 1;
		uint8_t *to = buf + page * ABI_PAGE_BYTES;

		for (run = 1; page + run < nr; run++)
			if ((touched >> (page + run) & 1) != here)
				break;
		if (here)
			rc = ram_read(s->ram, gpa + page * ABI_PAGE_BYTES, to,
				      run * ABI_PAGE_BYTES);
		else
			memset(to, 0, run * ABI_PAGE_BYTES);
	}
	return rc;
}
