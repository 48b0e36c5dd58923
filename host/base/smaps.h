/* SPDX-License-Identifier: MIT */
/*
 * What pages a range of memory is really made of, as the kernel counts it.
 *
 * That huge pages were asked for proves nothing: a figure labelled "2 MiB
 * pages" is one only if smaps says so.
 */
#ifndef VMFERRY_BASE_SMAPS_H
#define VMFERRY_BASE_SMAPS_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Sums over the mappings that overlap the range; each counts as a whole. */
struct smaps {
	uint64_t mapped_bytes; /* address space */
	/* Present, by the size of the page that is mapped. */
	uint64_t bytes_4k, bytes_2m, bytes_1g;
	uint64_t swap_bytes;
};

/**
 * smaps_read() - add up what smaps says of [@start, @start + @bytes).
 * @pid: a process that we may trace, 0 = ourselves.
 *
 * Return: 0, -ENOENT if nothing is mapped there, or -errno of opening it.
 * Source: proc(5), /proc/pid/smaps; Documentation/filesystems/proc.rst.
 */
int smaps_read(pid_t pid, uint64_t start, uint64_t bytes, struct smaps *ret);

/* The same from an open file, whatever is in it. */
int smaps_parse(FILE *f, uint64_t start, uint64_t bytes, struct smaps *ret);

/* Bytes present in pages of @page_bytes (4K, 2M, 1G); 0 for other sizes. */
uint64_t smaps_of_size(const struct smaps *s, uint64_t page_bytes);

#endif
