/* SPDX-License-Identifier: MIT */
/*
 * The device's state as a stream of records: HEAD, then FILL as often as
 * wanted, then CORE, MEMORY (unless it is all zero), LAST. Little endian.
 */
#ifndef VMFERRY_VFIO_DEVICE_STREAM_H
#define VMFERRY_VFIO_DEVICE_STREAM_H

#include <stdint.h>

#define STREAM_MAGIC 0x56454459525246ull /* "FRRYDEV" */
#define STREAM_VERSION 1u

enum stream_record {
	STREAM_HEAD = 1, /* struct stream_head */
	STREAM_FILL = 2, /* chunks of the filler, from number `arg` on */
	STREAM_CORE = 3, /* struct device_core */
	STREAM_MEMORY = 4, /* BAR 2 */
	STREAM_LAST = 5, /* struct stream_last */
};

struct stream_header {
	uint32_t record; /* enum stream_record */
	uint32_t bytes; /* that follow */
	uint64_t arg;
};

struct stream_head {
	uint64_t magic;
	uint32_t version, core_bytes;
	uint64_t filler_bytes;
};

struct stream_last {
	uint64_t hash; /* XXH3 of all before this record's header */
	uint64_t changes; /* of the filler */
};

/* Chunks of one FILL record, at most. */
#define STREAM_FILL_CHUNKS 256u

_Static_assert(sizeof(struct stream_header) == 16, "stream");
_Static_assert(sizeof(struct stream_head) == 24, "stream");
_Static_assert(sizeof(struct stream_last) == 16, "stream");

#endif
