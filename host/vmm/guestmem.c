/* SPDX-License-Identifier: MIT */
/* Guest memory: mappings and the checked accessor. */
#include "vmm/guestmem.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/backing.h"

#define PAGE 4096ull
#define HUGE (2ull << 20)

static int add(struct guestmem *mem, const struct guestmem_params *p,
	       const char *name, uint64_t gpa, uint64_t bytes,
	       struct error *err)
{
	struct guestmem_region *r = &mem->region[mem->nr_regions++];
	int rc;

	*r = (struct guestmem_region){
		.gpa = gpa,
		.bytes = bytes,
		.memfd = -1,
		.page_bytes = p->backing == GUESTMEM_THP ? PAGE : p->page_bytes,
		.name = name,
		.is_ram = gpa != GUESTMEM_CONTROL_GPA,
	};
	rc = backing_open(p, name, bytes, &r->memfd, err);
	return rc ? rc : backing_map(p, r, err);
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
	return 0;
}

int guestmem_init(struct guestmem *mem, const struct guestmem_params *params,
		  struct error *err)
{
	const struct guestmem_params control = {
		.backing = GUESTMEM_MEMFD,
		.page_bytes = PAGE,
	};
	struct guestmem_params p = *params;
	uint64_t low = p.ram_bytes < GUESTMEM_LOW_LIMIT ? p.ram_bytes
							: GUESTMEM_LOW_LIMIT;
	int rc;

	memset(mem, 0, sizeof(*mem));
	rc = check(&p, err);
	if (!rc)
		rc = backing_resolve(&p, err);
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

	for (i = 0; i < mem->nr_regions; i++) {
		struct guestmem_region *r = &mem->region[i];

		if (r->hva)
			munmap(r->hva, r->bytes);
		if (r->memfd >= 0)
			close(r->memfd);
	}
	memset(mem, 0, sizeof(*mem));
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
