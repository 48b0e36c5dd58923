/* SPDX-License-Identifier: MIT */
/* The machine's regions as the engine holds them. */
#include "migrate/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"

uint64_t memory_pages(const struct memory *m, unsigned int index)
{
	return m->region[index].bytes / WIRE_PAGE_BYTES;
}

static int check_region(const struct migrate_region *r, uint64_t from_gpa)
{
	if (!r->hva || !r->bytes || (r->gpa | r->bytes) % WIRE_PAGE_BYTES ||
	    r->gpa < from_gpa || r->bytes > UINT64_MAX - r->gpa)
		return -EINVAL;
	return 0;
}

static int add_region(struct memory *m, const struct migrate_vm_ops *ops,
		      void *vm, uint64_t from_gpa)
{
	unsigned int index = m->nr_regions;
	struct migrate_region *r = &m->region[index];
	int rc;

	ops->region(vm, index, r);
	rc = check_region(r, from_gpa);
	if (rc)
		return rc;
	m->bitmap[index] = calloc(BITMAP_WORDS(memory_pages(m, index)), 8);
	if (!m->bitmap[index])
		return -ENOMEM;
	m->bytes += r->bytes;
	m->nr_regions++;
	return 0;
}

int memory_init(struct memory *m, const struct migrate_vm_ops *ops, void *vm)
{
	unsigned int nr = ops->nr_regions(vm);
	uint64_t from_gpa = 0;
	int rc = 0;

	memset(m, 0, sizeof(*m));
	if (!nr || nr > MIGRATE_MAX_REGIONS)
		return -EINVAL;
	while (m->nr_regions < nr) {
		rc = add_region(m, ops, vm, from_gpa);
		if (rc)
			goto err_exit;
		from_gpa = m->region[m->nr_regions - 1].gpa +
			   m->region[m->nr_regions - 1].bytes;
	}
	return 0;

err_exit:
	memory_exit(m);
	return rc;
}

void memory_exit(struct memory *m)
{
	while (m->nr_regions)
		free(m->bitmap[--m->nr_regions]);
}

void memory_set_all(struct memory *m)
{
	unsigned int i;

	for (i = 0; i < m->nr_regions; i++)
		bitmap_set_range(m->bitmap[i], 0, memory_pages(m, i));
}

void memory_clear_all(struct memory *m)
{
	unsigned int i;

	for (i = 0; i < m->nr_regions; i++)
		memset(m->bitmap[i], 0, BITMAP_BYTES(memory_pages(m, i)));
}

uint64_t memory_count(const struct memory *m)
{
	uint64_t nr = 0;
	unsigned int i;

	for (i = 0; i < m->nr_regions; i++)
		nr += bitmap_count(m->bitmap[i], memory_pages(m, i));
	return nr;
}

uint64_t memory_runs(const struct memory *m)
{
	uint64_t runs = 0, before = 0, word;
	unsigned int i;
	size_t k;

	for (i = 0; i < m->nr_regions; i++, before = 0) {
		for (k = 0; k < BITMAP_WORDS(memory_pages(m, i)); k++) {
			word = m->bitmap[i][k];
			runs += (uint64_t)__builtin_popcountll(
				word & ~(word << 1 | before >> 63));
			before = word;
		}
	}
	return runs;
}

void memory_describe(const struct memory *m, struct wire_hello *ret_hello)
{
	unsigned int i;

	ret_hello->nr_channels = 1;
	ret_hello->session = 0;
	ret_hello->nr_regions = m->nr_regions;
	for (i = 0; i < m->nr_regions; i++) {
		ret_hello->region[i].gpa = m->region[i].gpa;
		ret_hello->region[i].bytes = m->region[i].bytes;
	}
}

int memory_compare(const struct memory *m, const struct wire_hello *hello,
		   struct error *err)
{
	unsigned int i;

	if (hello->nr_regions != m->nr_regions)
		return error_set(err, -EPROTO,
				 "the source has %u memory regions, this "
				 "target %u",
				 hello->nr_regions, m->nr_regions);
	for (i = 0; i < m->nr_regions; i++) {
		const struct migrate_region *ours = &m->region[i];
		const struct wire_region *theirs = &hello->region[i];

		if (theirs->gpa == ours->gpa && theirs->bytes == ours->bytes)
			continue;
		return error_set(
			err, -EPROTO,
			"memory region %u is %" PRIu64 " bytes at 0x%" PRIx64
			" on the source, %" PRIu64 " bytes at 0x%" PRIx64
			" on this target",
			i, theirs->bytes, theirs->gpa, ours->bytes, ours->gpa);
	}
	return 0;
}
