/* SPDX-License-Identifier: MIT */
/* The table of a batch: which pages, and how they travel. */
#include "migrate/wire.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

void wire_put_run(struct wire_run_le *le, uint64_t gfn, uint32_t count,
		  enum wire_kind kind)
{
	*le = (struct wire_run_le){
		.gfn = htole64(gfn),
		.count = htole32(count),
		.kind = htole32(kind),
		.stored_bytes =
			htole32(kind == WIRE_RAW ? count * WIRE_PAGE_BYTES : 0),
	};
}

void wire_put_packed_run(struct wire_run_le *le, uint64_t gfn, uint32_t count,
			 enum wire_kind kind, uint32_t stored_bytes,
			 uint32_t check)
{
	*le = (struct wire_run_le){
		.gfn = htole64(gfn),
		.count = htole32(count),
		.kind = htole32(kind),
		.stored_bytes = htole32(stored_bytes),
		.check = htole32(check),
	};
}

/* Return: the region that holds all pages, or @nr_regions. No sum wraps. */
static unsigned int find_region(const struct migrate_region *regions,
				unsigned int nr_regions, uint64_t gfn,
				uint64_t count)
{
	unsigned int i;

	for (i = 0; i < nr_regions; i++) {
		uint64_t first = regions[i].gpa / WIRE_PAGE_BYTES;
		uint64_t pages = regions[i].bytes / WIRE_PAGE_BYTES;

		if (gfn >= first && gfn - first < pages)
			return count <= pages - (gfn - first) ? i : nr_regions;
	}
	return nr_regions;
}

/* More than the pages themselves would be waste, none at all nonsense. */
static bool sizes_fit(const struct wire_run_le *le)
{
	uint64_t raw_bytes = (uint64_t)le32toh(le->count) * WIRE_PAGE_BYTES;
	uint32_t stored = le32toh(le->stored_bytes);

	switch (le32toh(le->kind)) {
	case WIRE_ZERO:
		return !stored;
	case WIRE_RAW:
		return stored == raw_bytes;
	default:
		return le32toh(le->count) <= WIRE_MAX_PACKED_PAGES && stored &&
		       stored < raw_bytes;
	}
}

static int check_kind(const struct wire_run_le *le, enum wire_kind packed,
		      struct error *err)
{
	uint32_t kind = le32toh(le->kind);

	if (kind >= WIRE_NR_KINDS)
		return error_set(err, -EPROTO,
				 "a batch holds pages of the unknown kind "
				 "%" PRIu32,
				 kind);
	if (kind > WIRE_RAW && kind != packed)
		return error_set(err, -EPROTO,
				 "a batch holds compressed pages of kind "
				 "%" PRIu32 ", which was not announced",
				 kind);
	if (kind <= WIRE_RAW && le->check)
		return error_set(err, -EPROTO,
				 "a batch holds pages that are not compressed, "
				 "gfn 0x%" PRIx64 ", with a checksum",
				 le64toh(le->gfn));
	if (sizes_fit(le))
		return 0;
	return error_set(err, -EPROTO,
			 "a batch claims %" PRIu32 " bytes for %" PRIu32
			 " pages of kind %" PRIu32,
			 le32toh(le->stored_bytes), le32toh(le->count),
			 le32toh(le->kind));
}

static int parse_run(const struct wire_run_le *le,
		     const struct migrate_region *regions,
		     unsigned int nr_regions, enum wire_kind packed,
		     struct wire_run *ret_run, struct error *err)
{
	uint64_t gfn = le64toh(le->gfn);
	uint32_t count = le32toh(le->count);
	unsigned int region = find_region(regions, nr_regions, gfn, count);
	int rc = check_kind(le, packed, err);

	if (rc)
		return rc;
	if (!count || region == nr_regions)
		return error_set(err, -EPROTO,
				 "a batch holds %" PRIu32
				 " pages from gfn 0x%" PRIx64
				 " on: not inside one region of the machine",
				 count, gfn);
	*ret_run = (struct wire_run){
		.gfn = gfn,
		.count = count,
		.kind = le32toh(le->kind),
		.region = region,
		.stored_bytes = le32toh(le->stored_bytes),
		.check = le32toh(le->check),
	};
	return 0;
}

int wire_parse_runs(const void *table, size_t bytes, uint64_t payload_bytes,
		    const struct migrate_region *regions,
		    unsigned int nr_regions, enum wire_kind packed,
		    struct wire_run *ret_runs, unsigned int *ret_nr_runs,
		    struct error *err)
{
	size_t nr = bytes / sizeof(struct wire_run_le), i;
	uint64_t sum = 0, next_gfn = 0, pages = 0;
	struct wire_run_le le;
	int rc;

	if (!nr || nr > WIRE_MAX_RUNS || bytes % sizeof(le))
		return error_set(err, -EPROTO,
				 "a batch has a table of %zu bytes", bytes);
	for (i = 0; i < nr; i++) {
		memcpy(&le, (const uint8_t *)table + i * sizeof(le),
		       sizeof(le));
		rc = parse_run(&le, regions, nr_regions, packed, &ret_runs[i],
			       err);
		if (rc)
			return rc;
		if (ret_runs[i].gfn < next_gfn)
			return error_set(err, -EPROTO,
					 "the pages of a batch do not ascend "
					 "at gfn 0x%" PRIx64,
					 ret_runs[i].gfn);
		next_gfn = ret_runs[i].gfn + ret_runs[i].count;
		sum += le32toh(le.stored_bytes);
		if (ret_runs[i].kind != WIRE_ZERO)
			pages += ret_runs[i].count;
	}
	if (pages > WIRE_MAX_BATCH_PAGES)
		return error_set(err, -EPROTO,
				 "a batch holds %" PRIu64
				 " pages that are not zero, more than %u",
				 pages, WIRE_MAX_BATCH_PAGES);
	if (sum != payload_bytes)
		return error_set(err, -EPROTO,
				 "the pages of a batch need %" PRIu64
				 " bytes, its header claims %" PRIu64,
				 sum, payload_bytes);
	*ret_nr_runs = (unsigned int)nr;
	return 0;
}
