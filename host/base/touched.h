/* SPDX-License-Identifier: MIT */
/*
 * Which pages of memory were ever touched. All others are zero, and reading
 * them would only make the kernel allocate what nobody needs.
 */
#ifndef VMFERRY_BASE_TOUCHED_H
#define VMFERRY_BASE_TOUCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Pages of 4 KiB looked at in one call, at most. */
#define TOUCHED_MAX_PAGES 512u

/**
 * touched_open_pagemap() - for private memory of a process.
 * @pid: one that we may trace; 0 = ourselves.
 *
 * Return: a descriptor, or -errno.
 */
int touched_open_pagemap(pid_t pid);

/**
 * touched_private() - look at [@hva, @hva + @nr pages).
 * @pagemap_fd: of the process.
 * @ret_bits: one bit a page, least significant first, (@nr + 63) / 64 words;
 *	set: present or swapped out.
 *
 * Of shared memory it tells what this mapping has touched, not others of the
 * same file. Return: 0, or -errno: anything may be there.
 * Source: Documentation/admin-guide/mm/pagemap.rst.
 */
int touched_private(int pagemap_fd, uint64_t hva, unsigned int nr,
		    uint64_t *ret_bits);

/**
 * touched_wholly() - has all of our own private memory been touched?
 *
 * Much cheaper than touched_private(): to be asked first. False where it
 * cannot tell, as of pages that are swapped out.
 * Source: mincore(2).
 */
bool touched_wholly(void *hva, unsigned int nr);

/**
 * touched_file() - the same for shared memory, by its file's holes.
 * @offset: of the first page, whole pages.
 *
 * Moves the file's offset: @fd wants one user at a time. A file system that
 * does not know its holes has none.
 */
int touched_file(int fd, uint64_t offset, unsigned int nr, uint64_t *ret_bits);

/**
 * touched_shared() - the same where we have it mapped, at @hva.
 *
 * Costs what it looks at: for one page of much memory touched_file() walks to
 * the end of all that is there.
 */
int touched_shared(int fd, uint64_t offset, void *hva, unsigned int nr,
		   uint64_t *ret_bits);

#endif
