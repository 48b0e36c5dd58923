/* SPDX-License-Identifier: MIT */
/* Pages that were touched: by pagemap, or by a file's holes. */
#include "base/touched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bitmap.h"

#define PAGE 4096u
/* Of a pagemap entry: present, or swapped out (or something special). */
#define HAS_DATA (3ull << 62)

int touched_open_pagemap(pid_t pid)
{
	char path[32] = "/proc/self/pagemap";
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int touched_private(int pagemap_fd, uint64_t hva, unsigned int nr,
		    uint64_t *ret_bits)
{
	uint64_t entry[TOUCHED_MAX_PAGES];
	size_t bytes = nr * sizeof(entry[0]);
	unsigned int i;
	ssize_t n;

	if (nr > TOUCHED_MAX_PAGES || hva % PAGE)
		return -EINVAL;
	n = pread(pagemap_fd, entry, bytes, (off_t)(hva / PAGE * 8));
	if (n < 0 || (size_t)n != bytes)
		return n < 0 ? -errno : -EIO;
	memset(ret_bits, 0, BITMAP_BYTES(nr));
	for (i = 0; i < nr; i++)
		if (entry[i] & HAS_DATA)
			ret_bits[i / 64] |= 1ull << i % 64;
	return 0;
}

bool touched_wholly(void *hva, unsigned int nr)
{
	unsigned char there[TOUCHED_MAX_PAGES];
	unsigned int i;

	if (nr > TOUCHED_MAX_PAGES || mincore(hva, (size_t)nr * PAGE, there))
		return false;
	for (i = 0; i < nr && there[i] & 1; i++)
		;
	return i == nr;
}

int touched_file(int fd, uint64_t offset, unsigned int nr, uint64_t *ret_bits)
{
	uint64_t end = offset + (uint64_t)nr * PAGE, hole;
	off_t at;

	memset(ret_bits, 0, BITMAP_BYTES(nr));
	while (offset < end) {
		uint64_t data, first, last;

		at = lseek(fd, (off_t)offset, SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? 0 : -errno;
		data = (uint64_t)at;
		if (data >= end)
			break;
		at = lseek(fd, (off_t)data, SEEK_HOLE);
		if (at < 0)
			return -errno;
		hole = (uint64_t)at < end ? (uint64_t)at : end;
		first = nr - (end - data + PAGE - 1) / PAGE;
		last = nr - (end - hole) / PAGE;
		bitmap_set_range(ret_bits, first, last - first);
		offset = hole;
	}
	return 0;
}

/* What is not in memory may be swapped out: only the file knows holes. */
static int add_absent(int fd, uint64_t offset, unsigned int nr,
		      const unsigned char *there, uint64_t *bits)
{
	unsigned int i = 0;
	uint64_t data;
	off_t at;

	for (;;) {
		while (i < nr && there[i] & 1)
			i++;
		if (i == nr)
			return 0;
		at = lseek(fd, (off_t)(offset + (uint64_t)i * PAGE), SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? 0 : -errno;
		data = ((uint64_t)at - offset) / PAGE;
		if (data >= nr)
			return 0;
		i = (unsigned int)data;
		bitmap_set(bits, i++);
	}
}

int touched_shared(int fd, uint64_t offset, void *hva, unsigned int nr,
		   uint64_t *ret_bits)
{
	unsigned char there[TOUCHED_MAX_PAGES];
	unsigned int i;

	if (nr > TOUCHED_MAX_PAGES || mincore(hva, (size_t)nr * PAGE, there))
		return touched_file(fd, offset, nr, ret_bits);
	memset(ret_bits, 0, BITMAP_BYTES(nr));
	for (i = 0; i < nr; i++)
		if (there[i] & 1)
			bitmap_set(ret_bits, i);
	return add_absent(fd, offset, nr, there, ret_bits);
}
