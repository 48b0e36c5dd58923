/* SPDX-License-Identifier: MIT */
/* Guest memory: mappings and the checked accessor. */
#include "vmm/guestmem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "base/touched.h"

#define PAGE 4096ull
#define HUGE (2ull << 20)

/* Pages that this host cannot give are its lack; a file that cannot be made
 * there is the user's. */
static int whose_fault(int rc, const struct guestmem_params *p)
{
	if (rc == -ENOMEM && backing_is_pooled(p->backing, p->page_bytes))
		return -EOPNOTSUPP;
	if (p->backing == BACKING_FILE && rc != -ENOSPC && rc != -ENOMEM)
		return -EINVAL;
	return rc;
}

static int add(struct guestmem *mem, const struct guestmem_params *p,
	       const char *name, uint64_t gpa, uint64_t bytes,
	       struct error *err)
{
	struct guestmem_region *r = &mem->region[mem->nr_regions++];
	const struct backing_params params = {
		.kind = p->backing,
		.bytes = bytes,
		.page_bytes = p->page_bytes,
		.name = name,
		.path = p->path,
		/* Want of huge pages shall show now and not as SIGBUS, unless
		 * that is what somebody wants; those of RAM to come are
		 * reserved by who has it. */
		.reserve = !p->awaited && !p->unreserved,
		/* It may be handed over. */
		.sealed = true,
	};
	int rc;

	*r = (struct guestmem_region){ .memfd = -1, .name = name };
	rc = backing_create(&params, &r->backing, err);
	if (rc)
		return whose_fault(rc, p);
	r->gpa = gpa;
	r->bytes = bytes;
	r->hva = r->backing.base;
	r->memfd = r->backing.fd;
	r->page_bytes = p->backing == BACKING_THP ? PAGE : p->page_bytes;
	r->is_ram = gpa != GUESTMEM_CONTROL_GPA;
	return 0;
}

static int check(const struct guestmem_params *p, struct error *err)
{
	uint64_t ram = p->ram_bytes, control = p->control_bytes;

	if (!ram || ram % HUGE || ram >> 46)
		return error_set(err, -EINVAL,
				 "guest RAM must be a multiple of 2 MiB below "
				 "64 TiB, not %llu bytes",
				 (unsigned long long)ram);
	if (control % PAGE || control > GUESTMEM_CONTROL_MAX_BYTES)
		return error_set(err, -EINVAL,
				 "the control area must be whole pages, at "
				 "most %llu bytes, not %llu",
				 GUESTMEM_CONTROL_MAX_BYTES,
				 (unsigned long long)control);
	if (p->backing == BACKING_FILE && !p->path)
		return error_set(err, -EINVAL,
				 "RAM in a file needs its path: file:PATH");
	return backing_check(p->backing, p->page_bytes, err);
}

int guestmem_init(struct guestmem *mem, const struct guestmem_params *params,
		  struct error *err)
{
	const struct guestmem_params control = {
		.backing = BACKING_MEMFD,
		.page_bytes = PAGE,
	};
	struct guestmem_params p = *params;
	uint64_t low = p.ram_bytes < GUESTMEM_LOW_LIMIT ? p.ram_bytes
							: GUESTMEM_LOW_LIMIT;
	int rc;

	memset(mem, 0, sizeof(*mem));
	mem->pagemap_fd = touched_open_pagemap(0);
	if (!p.page_bytes)
		p.page_bytes = backing_default_page_bytes(p.backing);
	rc = check(&p, err);
	if (!rc)
		rc = add(mem, &p, "ram-low", 0, low, err);
	if (!rc && p.control_bytes)
		rc = add(mem, &control, "control", GUESTMEM_CONTROL_GPA,
			 p.control_bytes, err);
	if (!rc && p.ram_bytes > low)
		rc = add(mem, &p, "ram-high", GUESTMEM_HIGH_GPA,
			 p.ram_bytes - low, err);
	if (rc)
		guestmem_exit(mem);
	return rc;
}

void guestmem_exit(struct guestmem *mem)
{
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++)
		backing_destroy(&mem->region[i].backing);
	if (mem->pagemap_fd > 0)
		close(mem->pagemap_fd);
	memset(mem, 0, sizeof(*mem));
}

int guestmem_touched(const struct guestmem *mem, unsigned int index,
		     uint64_t first, unsigned int nr, uint64_t *ret_bits)
{
	const struct guestmem_region *r = &mem->region[index];
	uint8_t *hva;

	hva = r->hva + first * PAGE;
	if (r->memfd >= 0)
		return touched_shared(r->memfd, first * PAGE, hva, nr,
				      ret_bits);
	if (touched_wholly(hva, nr)) {
		memset(ret_bits, 0, BITMAP_BYTES(nr));
		bitmap_set_range(ret_bits, 0, nr);
		return 0;
	}
	return touched_private(mem->pagemap_fd, (uintptr_t)hva, nr, ret_bits);
}

void *guestmem_at(const struct guestmem *mem, uint64_t gpa, uint64_t bytes)
{
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++) {
		const struct guestmem_region *r = &mem->region[i];

		/* Below the region the difference wraps to a huge number. */
		if (gpa - r->gpa < r->bytes)
			return bytes <= r->bytes - (gpa - r->gpa)
				       ? r->hva + (gpa - r->gpa)
				       : NULL;
	}
	return NULL;
}

const struct guestmem_region *guestmem_region(const struct guestmem *mem,
					      const char *name)
{
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++)
		if (!strcmp(mem->region[i].name, name))
			return &mem->region[i];
	return NULL;
}
