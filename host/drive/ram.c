/* SPDX-License-Identifier: MIT */
/* Guest memory from outside, by process_vm_readv and its sibling. */
#include "drive/ram.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "abi.h"

void ram_init(struct ram *ram, pid_t pid)
{
	*ram = (struct ram){ .pid = pid };
}

int ram_add(struct ram *ram, uint64_t gpa, uint64_t bytes, uint64_t hva)
{
	unsigned int at = 0;

	if (!bytes || (gpa | bytes | hva) % ABI_PAGE_BYTES ||
	    gpa > UINT64_MAX - bytes || hva > UINT64_MAX - bytes)
		return -EINVAL;
	while (at < ram->nr_regions && ram->region[at].gpa < gpa)
		at++;
	if (at && ram->region[at - 1].gpa + ram->region[at - 1].bytes > gpa)
		return -EINVAL;
	if (at < ram->nr_regions && gpa + bytes > ram->region[at].gpa)
		return -EINVAL;
	if (ram->nr_regions == RAM_MAX_REGIONS)
		return -ENOSPC;
	memmove(&ram->region[at + 1], &ram->region[at],
		(ram->nr_regions - at) * sizeof(ram->region[0]));
	ram->region[at] = (struct ram_region){ gpa, bytes, hva, RAM_UNKNOWN };
	ram->nr_regions++;
	return 0;
}

void ram_set_file(struct ram *ram, uint64_t gpa, int file)
{
	unsigned int i;

	for (i = 0; i < ram->nr_regions; i++)
		if (ram->region[i].gpa == gpa)
			ram->region[i].file = file;
}

uint64_t ram_bytes(const struct ram *ram)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < ram->nr_regions; i++)
		sum += ram->region[i].bytes;
	return sum;
}

/* The region that holds @gpa, or NULL. */
static const struct ram_region *ram_find(const struct ram *ram, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < ram->nr_regions; i++)
		if (gpa - ram->region[i].gpa < ram->region[i].bytes)
			return &ram->region[i];
	return NULL;
}

/* Bytes from @gpa to the end of its region, at most @bytes; 0 = outside. */
static uint64_t ram_run(const struct ram *ram, uint64_t gpa, uint64_t bytes,
			uint64_t *ret_hva)
{
	const struct ram_region *r = ram_find(ram, gpa);
	uint64_t left;

	if (!r)
		return 0;
	*ret_hva = r->hva + (gpa - r->gpa);
	left = r->bytes - (gpa - r->gpa);
	return left < bytes ? left : bytes;
}

bool ram_covers(const struct ram *ram, uint64_t gpa, uint64_t bytes)
{
	uint64_t hva, run;

	while (bytes) {
		run = ram_run(ram, gpa, bytes, &hva);
		if (!run)
			return false;
		gpa += run;
		bytes -= run;
	}
	return true;
}

static int ram_copy(const struct ram *ram, uint64_t gpa, void *buf,
		    size_t bytes, bool write)
{
	uint8_t *at = buf;

	while (bytes) {
		uint64_t hva, run = ram_run(ram, gpa, bytes, &hva);
		struct iovec here = { at, run };
		struct iovec there = { (void *)(uintptr_t)hva, run };
		ssize_t done;

		if (!run)
			return -EFAULT;
		if (write)
			done = process_vm_writev(ram->pid, &here, 1, &there, 1,
						 0);
		else
			done = process_vm_readv(ram->pid, &here, 1, &there, 1,
						0);
		if (done < 0)
			return -errno;
		if (!done)
			return -EFAULT;
		at += done;
		gpa += (uint64_t)done;
		bytes -= (size_t)done;
	}
	return 0;
}

int ram_read(const struct ram *ram, uint64_t gpa, void *buf, size_t bytes)
{
	return ram_copy(ram, gpa, buf, bytes, false);
}

int ram_write(const struct ram *ram, uint64_t gpa, const void *buf,
	      size_t bytes)
{
	return ram_copy(ram, gpa, (void *)buf, bytes, true);
}
