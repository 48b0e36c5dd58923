/* SPDX-License-Identifier: MIT */
/* The table of a MEMORY record: which regions are handed over. */
#include "migrate/wire.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

size_t wire_put_memory(void *table, const struct migrate_region *regions,
		       uint32_t handed)
{
	uint8_t *at = table;
	unsigned int i;

	for (i = 0; i < MIGRATE_MAX_REGIONS; i++) {
		struct wire_memory_le le = { .region = htole32(i) };

		if (!(handed & 1u << i))
			continue;
		le.bytes = htole64(regions[i].bytes);
		memcpy(at, &le, sizeof(le));
		at += sizeof(le);
	}
	return (size_t)(at - (uint8_t *)table);
}

int wire_parse_memory(const void *table, size_t bytes,
		      const struct migrate_region *regions,
		      unsigned int nr_regions, uint32_t *ret_handed,
		      struct error *err)
{
	const uint8_t *at = table;
	uint32_t handed = 0, next = 0;
	struct wire_memory_le le;

	for (; bytes >= sizeof(le); bytes -= sizeof(le), at += sizeof(le)) {
		uint32_t region;

		memcpy(&le, at, sizeof(le));
		region = le32toh(le.region);
		if (region < next || region >= nr_regions || le.reserved)
			return error_set(
				err, -EPROTO,
				"the source hands over a region %" PRIu32
				" that is none, or not in order",
				region);
		if (le64toh(le.bytes) != regions[region].bytes)
			return error_set(err, -EPROTO,
					 "the source hands over %" PRIu64
					 " bytes of a region of %" PRIu64,
					 le64toh(le.bytes),
					 regions[region].bytes);
		handed |= 1u << region;
		next = region + 1;
	}
	*ret_handed = handed;
	return 0;
}
