/* SPDX-License-Identifier: MIT */
/* Record headers: encoding, limits of each type, check. */
#include "migrate/wire.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#define RECORD_MAGIC 0x31464d56u /* "VMF1" */

struct limits {
	const char *name;
	uint32_t min_table;
	uint32_t max_table;
	uint32_t unit; /* a table is a multiple of it */
	uint64_t max_payload;
};

static const struct limits limits[WIRE_NR_TYPES] = {
	[WIRE_HELLO] = { "hello", sizeof(struct wire_hello_le),
			 sizeof(struct wire_hello_le) +
				 MIGRATE_MAX_REGIONS *
					 sizeof(struct wire_region_le),
			 16, 0 },
	[WIRE_ACCEPT] = { "accept", 8, 8, 8, 0 },
	[WIRE_REFUSE] = { "refuse", 0, WIRE_MAX_TEXT_BYTES, 1, 0 },
	[WIRE_ROUND_BEGIN] = { "round-begin", 24, 24, 24, 0 },
	[WIRE_RAM_BATCH] = { "ram-batch", sizeof(struct wire_run_le),
			     WIRE_MAX_TABLE_BYTES, sizeof(struct wire_run_le),
			     WIRE_MAX_BATCH_PAGES *(uint64_t)WIRE_PAGE_BYTES },
	[WIRE_ROUND_END] = { "round-end", 24, 24, 24, 0 },
	[WIRE_ROUND_ACK] = { "round-ack", 24, 24, 24, 0 },
	[WIRE_STATE] = { "state", 8, 8, 8, WIRE_MAX_STATE_BYTES },
	[WIRE_READY] = { "ready", 8, 8, 8, 0 },
	[WIRE_GO] = { "go", 8, 8, 8, 0 },
	[WIRE_RUNNING] = { "running", 8, 8, 8, 0 },
	[WIRE_ERROR] = { "error", 0, WIRE_MAX_TEXT_BYTES, 1, 0 },
	[WIRE_CHANNEL] = { "channel", sizeof(struct wire_channel_le),
			   sizeof(struct wire_channel_le),
			   sizeof(struct wire_channel_le), 0 },
	[WIRE_MEMORY] = { "memory", sizeof(struct wire_memory_le),
			  MIGRATE_MAX_REGIONS * sizeof(struct wire_memory_le),
			  sizeof(struct wire_memory_le), 1 },
	[WIRE_MAPPED] = { "mapped", 8, 8, 8, 0 },
	[WIRE_ANNOUNCE] = { "announce", 8, 8, 8, WIRE_MAX_STATE_BYTES },
	[WIRE_PREPARED] = { "prepared", 8, 8, 8, 0 },
	[WIRE_DEVICE] = { "device", sizeof(struct wire_device_le),
			  sizeof(struct wire_device_le),
			  sizeof(struct wire_device_le),
			  WIRE_MAX_DEVICE_BYTES },
};

const char *wire_type_name(enum wire_type type)
{
	return type > 0 && type < WIRE_NR_TYPES ? limits[type].name : "?";
}

void wire_put_header(struct wire_header_le *le, const struct wire_header *h)
{
	*le = (struct wire_header_le){
		.magic = htole32(RECORD_MAGIC),
		.type = htole32(h->type),
		.sequence = htole32(h->sequence),
		.table_bytes = htole32(h->table_bytes),
		.payload_bytes = htole64(h->payload_bytes),
	};
}

static uint64_t check_of(struct wire_header_le le, const void *table)
{
	le.check = 0;
	return XXH64(table, le32toh(le.table_bytes), XXH64(&le, sizeof(le), 0));
}

void wire_seal(struct wire_header_le *le, const void *table)
{
	le->check = htole64(check_of(*le, table));
}

int wire_parse_header(const void *bytes, struct wire_header *ret_header,
		      struct error *err)
{
	const struct limits *limit;
	struct wire_header_le le;
	uint32_t type, table;

	memcpy(&le, bytes, sizeof(le));
	type = le32toh(le.type);
	table = le32toh(le.table_bytes);
	if (le32toh(le.magic) != RECORD_MAGIC)
		return error_set(err, -EPROTO,
				 "the stream is not one of vmferry's: a record "
				 "begins with 0x%08" PRIx32,
				 le32toh(le.magic));
	if (!type || type >= WIRE_NR_TYPES)
		return error_set(err, -EPROTO,
				 "the stream holds a record of the unknown "
				 "type %" PRIu32,
				 type);
	limit = &limits[type];
	if (table < limit->min_table || table > limit->max_table ||
	    table % limit->unit)
		return error_set(err, -EPROTO,
				 "a %s record claims a table of %" PRIu32
				 " bytes",
				 limit->name, table);
	if (le64toh(le.payload_bytes) > limit->max_payload)
		return error_set(err, -EPROTO,
				 "a %s record claims a payload of %" PRIu64
				 " bytes, more than %" PRIu64,
				 limit->name, le64toh(le.payload_bytes),
				 limit->max_payload);
	*ret_header = (struct wire_header){
		.type = type,
		.sequence = le32toh(le.sequence),
		.table_bytes = table,
		.payload_bytes = le64toh(le.payload_bytes),
	};
	return 0;
}

int wire_verify(const void *header, const void *table, struct error *err)
{
	struct wire_header_le le;

	memcpy(&le, header, sizeof(le));
	if (le64toh(le.check) == check_of(le, table))
		return 0;
	return error_set(err, -EPROTO,
			 "the checksum of a %s record is wrong: the stream "
			 "was damaged on its way",
			 wire_type_name(le32toh(le.type)));
}
