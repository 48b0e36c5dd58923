/* SPDX-License-Identifier: MIT */
/* Guest memory: mappings and the checked accessor. */
#include "vmm/guestmem.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ull
#define HUGE (2ull << 20)

static int back(struct guestmem_region *r, enum guestmem_backing backing)
{
	if (backing == GUESTMEM_ANON)
		return 0;
	r->memfd = memfd_create(r->name, MFD_CLOEXEC);
	if (r->memfd < 0 || ftruncate(r->memfd, (off_t)r->bytes))
		return -errno;
	return 0;
}

/* Maps @r on a 2 MiB boundary, so that huge pages fit guest and host alike. */
static int map(struct guestmem_region *r)
{
	int flags = r->memfd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	uint8_t *room, *at, *end;

	room = mmap(NULL, r->bytes + HUGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return -errno;
	end = room + r->bytes + HUGE;
	at = room + (HUGE - (uintptr_t)room % HUGE) % HUGE;
	if (mmap(at, r->bytes, PROT_READ | PROT_WRITE,
		 flags | MAP_NORESERVE | MAP_FIXED, r->memfd,
		 0) == MAP_FAILED) {
		int rc = -errno;

		munmap(room, r->bytes + HUGE);
		return rc;
	}
	if (at > room)
		munmap(room, (size_t)(at - room));
	if (end > at + r->bytes)
		munmap(at + r->bytes, (size_t)(end - (at + r->bytes)));
	/* Best effort: a core dump of the VMM should not hold the guest. */
	madvise(at, r->bytes, MADV_DONTDUMP);
	r->hva = at;
	return 0;
}

static int add(struct guestmem *mem, const char *name, uint64_t gpa,
	       uint64_t bytes, enum guestmem_backing backing, struct error *err)
{
	struct guestmem_region *r = &mem->region[mem->nr_regions++];
	int rc;

	*r = (struct guestmem_region){
		.gpa = gpa,
		.bytes = bytes,
		.memfd = -1,
		.name = name,
		.is_ram = gpa != GUESTMEM_CONTROL_GPA,
	};
	rc = back(r, backing);
	if (!rc)
		rc = map(r);
	if (rc)
		return error_set(err, rc, "cannot map %llu MiB for %s: %s",
				 (unsigned long long)(bytes >> 20), name,
				 strerror(-rc));
	return 0;
}

int guestmem_init(struct guestmem *mem, uint64_t ram_bytes,
		  enum guestmem_backing backing, uint64_t control_bytes,
		  struct error *err)
{
	uint64_t low =
		ram_bytes < GUESTMEM_LOW_LIMIT ? ram_bytes : GUESTMEM_LOW_LIMIT;
	int rc;

	memset(mem, 0, sizeof(*mem));
	if (!ram_bytes || ram_bytes % HUGE || ram_bytes >> 46)
		return error_set(err, -EINVAL,
				 "guest RAM must be a multiple of 2 MiB below "
				 "64 TiB, not %llu bytes",
				 (unsigned long long)ram_bytes);
	if (control_bytes % PAGE || control_bytes > GUESTMEM_CONTROL_MAX_BYTES)
		return error_set(err, -EINVAL,
				 "the control area must be whole pages, at "
				 "most %llu bytes, not %llu",
				 GUESTMEM_CONTROL_MAX_BYTES,
				 (unsigned long long)control_bytes);
	rc = add(mem, "ram-low", 0, low, backing, err);
	if (!rc && control_bytes)
		rc = add(mem, "control", GUESTMEM_CONTROL_GPA, control_bytes,
			 GUESTMEM_MEMFD, err);
	if (!rc && ram_bytes > low)
		rc = add(mem, "ram-high", GUESTMEM_HIGH_GPA, ram_bytes - low,
			 backing, err);
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
