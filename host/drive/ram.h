/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine's memory, seen from outside its process.
 *
 * Works for any backing and any VMM: all it takes is where the VMM has mapped
 * each stretch of guest memory. Nothing stops the guest meanwhile: who wants a
 * stable picture freezes it first.
 */
#ifndef VMFERRY_DRIVE_RAM_H
#define VMFERRY_DRIVE_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RAM_MAX_REGIONS 32u

struct ram_region {
	uint64_t gpa; /* page-aligned */
	uint64_t bytes; /* whole pages, at least one */
	uint64_t hva; /* in the VMM's address space */
	int file; /* the VMM's descriptor, @gpa at 0; or one of these: */
};

/* Nobody said what it is. */
#define RAM_UNKNOWN (-1)
/* Private memory: what the mapping shows is all there is. */
#define RAM_PRIVATE (-2)

struct ram {
	pid_t pid; /* a child not reaped yet: the number can't be reused */
	unsigned int nr_regions;
	struct ram_region region[RAM_MAX_REGIONS]; /* sorted, disjoint */
};

/* No regions yet. */
void ram_init(struct ram *ram, pid_t pid);

/**
 * ram_add() - add a stretch of memory, in any order.
 *
 * Return: 0; -EINVAL if it is empty, not page-aligned, wraps around or
 * overlaps another one; -ENOSPC past RAM_MAX_REGIONS.
 */
int ram_add(struct ram *ram, uint64_t gpa, uint64_t bytes, uint64_t hva);

/* Say what the region at @gpa lies in; see struct ram_region. */
void ram_set_file(struct ram *ram, uint64_t gpa, int file);

/* Bytes of all regions. */
uint64_t ram_bytes(const struct ram *ram);

/* Is all of [@gpa, @gpa + @bytes) inside? Regions may adjoin. */
bool ram_covers(const struct ram *ram, uint64_t gpa, uint64_t bytes);

/**
 * ram_read() - copy guest memory out; megabytes at a time are cheapest.
 *
 * Return: 0; -EFAULT if not all of it is guest memory (@buf is then
 * undefined); -ESRCH if the process is gone; -EPERM.
 */
int ram_read(const struct ram *ram, uint64_t gpa, void *buf, size_t bytes);

/* The other direction, likewise; on failure part may have been written. */
int ram_write(const struct ram *ram, uint64_t gpa, const void *buf,
	      size_t bytes);

#endif
