/* SPDX-License-Identifier: MIT */
/* Guest memory from outside, without touching what nobody ever touched. */
#ifndef VMFERRY_DRIVE_RAM_SPARSE_H
#define VMFERRY_DRIVE_RAM_SPARSE_H

#include "drive/ram.h"

/* Pages of a look, at most: one word of bits. */
#define RAM_SPARSE_PAGES 64u

/* One thread's own: it moves the offsets of files. */
struct ram_sparse {
	const struct ram *ram;
	int pagemap_fd;
	int file_fd[RAM_MAX_REGIONS];
};

/* What cannot be opened is taken as touched. */
void ram_sparse_open(struct ram_sparse *s, const struct ram *ram);
void ram_sparse_close(struct ram_sparse *s);

/**
 * ram_sparse_touched() - which pages may hold anything but zeros.
 * @gpa, @bytes: whole pages, at most RAM_SPARSE_PAGES, in one region.
 *
 * Return: bit i for page i.
 */
uint64_t ram_sparse_touched(struct ram_sparse *s, uint64_t gpa, uint64_t bytes);

/* As ram_read(); pages whose bit in @touched is not set are zero. */
int ram_sparse_read(const struct ram_sparse *s, uint64_t gpa, uint8_t *buf,
		    uint64_t bytes, uint64_t touched);

#endif
