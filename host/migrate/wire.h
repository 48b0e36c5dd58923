/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a migration stream, version 3. Pure: no I/O, no state.
 *
 * A stream is a sequence of records in each direction. A record is a header of
 * 32 bytes, a table, and for two types a payload:
 *
 *   source                               target
 *   HELLO {shape of the machine}    ->
 *                                   <-   ACCEPT | REFUSE {text}
 *   ROUND_BEGIN {round, flags}      ->
 *   RAM_BATCH {runs} pages          ->   (any number)
 *   ROUND_END {round, pages}        ->
 *                                   <-   ROUND_ACK {round, pages}
 *   ... more rounds; the last one, flagged so, is not acknowledged ...
 *   STATE {xxh64} bytes             ->
 *                                   <-   READY
 *   GO                              ->
 *                                   <-   RUNNING {flags}
 *
 * and ERROR {text} from the target at any time. With several connections the
 * one above comes first; behind ACCEPT the source opens the others, which carry
 * pages only, each with a numbering of its own and in one direction:
 *
 *   CHANNEL {session, index}        ->
 *   ROUND_BEGIN, RAM_BATCH ..., ROUND_END {pages of this connection}
 *
 * A machine whose RAM is handed over by descriptor has no rounds but the last
 * one, in which only the regions travel that were not handed over:
 *
 *   MEMORY {regions} 1 byte, with the descriptors  ->
 *                                   <-   MAPPED
 *
 * While the source still runs it may announce, between rounds, what its devices
 * are like, for the target to make its map of them beforehand:
 *
 *   ANNOUNCE {xxh64} bytes          ->
 *                                   <-   PREPARED
 *
 * Devices with data of their own send it between the rounds, and what is left of
 * it before the state, each with its last record marked so:
 *
 *   DEVICE {device, offset, xxh64} bytes           (any number)
 *
 * A round has ended when its ROUND_END has come on all of them: only then it
 * is acknowledged, and only then does the next one begin. All numbers are little-endian.
 * The header's check covers header and table; the state has a checksum of its
 * own; raw pages have none, since the guest may change them while they are sent.
 *
 * A run of up to 16 pages may travel as one string of bytes that a codec made
 * of them. Which codec is said in HELLO, so that a target that cannot read it
 * refuses; no other may come. Such a string is shorter than its pages, and does
 * not change while it is sent: so it has a check, which is in the table. A page
 * comes at most once in a round.
 */
#ifndef VMFERRY_MIGRATE_WIRE_H
#define VMFERRY_MIGRATE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "migrate/vm_ops.h"

#define WIRE_VERSION 3u
#define WIRE_PAGE_BYTES 4096u
#define WIRE_HEADER_BYTES 32u
#define WIRE_MAX_RUNS 1024u
/* Pages with a payload that one batch may carry: 2 MiB. */
#define WIRE_MAX_BATCH_PAGES 512u
/* Pages of a run that a codec packed. */
#define WIRE_MAX_PACKED_PAGES 16u
#define WIRE_MAX_STATE_BYTES (64u << 20)
#define WIRE_MAX_TEXT_BYTES 240u
#define WIRE_MAX_DEVICE_BYTES (1u << 20) /* of a record */

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_ACCEPT = 2,
	WIRE_REFUSE = 3,
	WIRE_ROUND_BEGIN = 4,
	WIRE_RAM_BATCH = 5,
	WIRE_ROUND_END = 6,
	WIRE_ROUND_ACK = 7,
	WIRE_STATE = 8,
	WIRE_READY = 9,
	WIRE_GO = 10,
	WIRE_RUNNING = 11,
	WIRE_ERROR = 12,
	WIRE_CHANNEL = 13,
	WIRE_MEMORY = 14,
	WIRE_MAPPED = 15,
	WIRE_ANNOUNCE = 16,
	WIRE_PREPARED = 17,
	WIRE_DEVICE = 18,
	WIRE_NR_TYPES,
};

/* How the pages of a run travel; 5 is kept for delta. */
enum wire_kind {
	WIRE_ZERO = 0,
	WIRE_RAW = 1,
	WIRE_DEFLATE = 2, /* zlib's format */
	WIRE_ZSTD = 3,
	WIRE_LZ4 = 4,
	WIRE_NR_KINDS,
};

/* HELLO: pages of that kind may come, WIRE_DEFLATE... */
#define WIRE_FEATURE(kind) (1u << (kind))

/* ---- as it lies on the wire: every field little-endian ------------------- */

struct wire_header_le {
	uint32_t magic;
	uint32_t type;
	uint32_t sequence; /* 0, 1, 2, ... in each direction */
	uint32_t table_bytes;
	uint64_t payload_bytes;
	uint64_t check; /* xxh64 of header and table with this field 0 */
};
_Static_assert(sizeof(struct wire_header_le) == WIRE_HEADER_BYTES, "wire");
_Static_assert(offsetof(struct wire_header_le, check) == 24, "wire");

struct wire_hello_le {
	uint64_t magic;
	uint32_t version;
	uint32_t page_bytes;
	uint64_t flags; /* WIRE_FEATURE(), one at most */
	uint32_t nr_regions;
	uint32_t nr_channels; /* connections, this one included */
	uint64_t session; /* what the others show; 0 = there are none */
	uint64_t reserved; /* 0 */
	/* followed by the regions */
};
_Static_assert(sizeof(struct wire_hello_le) == 48, "wire");

struct wire_region_le {
	uint64_t gpa;
	uint64_t bytes;
};
_Static_assert(sizeof(struct wire_region_le) == 16, "wire");

struct wire_channel_le {
	uint64_t session; /* as in HELLO */
	uint32_t index; /* 1.. */
	uint32_t reserved; /* 0 */
};
_Static_assert(sizeof(struct wire_channel_le) == 16, "wire");

/* MEMORY: one for each descriptor, in their order. */
struct wire_memory_le {
	uint32_t region; /* index, ascending */
	uint32_t reserved; /* 0 */
	uint64_t bytes; /* of that region */
};
_Static_assert(sizeof(struct wire_memory_le) == 16, "wire");

/* ACCEPT, READY, GO, RUNNING and MAPPED. */
struct wire_flags_le {
	uint64_t flags;
};
_Static_assert(sizeof(struct wire_flags_le) == 8, "wire");

struct wire_run_le {
	uint64_t gfn;
	uint32_t count; /* pages, at least 1 */
	uint32_t kind;
	uint32_t stored_bytes; /* of the payload; packed: fewer than raw */
	uint32_t check; /* packed: codec_check() of the payload; else 0 */
};
_Static_assert(sizeof(struct wire_run_le) == 24, "wire");

/* ROUND_BEGIN, ROUND_END and ROUND_ACK. */
struct wire_round_le {
	uint32_t round; /* 1, 2, ... */
	uint32_t flags;
	uint64_t pages; /* ROUND_BEGIN: 0 */
	uint64_t zero_pages;
};
_Static_assert(sizeof(struct wire_round_le) == 24, "wire");

struct wire_state_le {
	uint64_t xxh64; /* of the payload */
};
_Static_assert(sizeof(struct wire_state_le) == 8, "wire");

struct wire_device_le {
	uint32_t device; /* index */
	uint32_t flags; /* WIRE_DEVICE_LAST */
	uint64_t offset; /* of the payload in the device's data */
	uint64_t xxh64; /* of the payload */
};
_Static_assert(sizeof(struct wire_device_le) == 24, "wire");

#define WIRE_MAX_TABLE_BYTES (WIRE_MAX_RUNS * sizeof(struct wire_run_le))

#define WIRE_ROUND_FINAL 1u /* the machine is paused */
#define WIRE_DEVICE_LAST 1u
#define WIRE_RUNNING_YES 1u /* else it stays paused, as it was told to */

/* ---- the same, checked, in the host's byte order ------------------------- */

struct wire_header {
	enum wire_type type;
	uint32_t sequence;
	uint32_t table_bytes;
	uint64_t payload_bytes;
};

struct wire_region {
	uint64_t gpa;
	uint64_t bytes;
};

struct wire_hello {
	unsigned int nr_channels; /* 1..MIGRATE_MAX_CHANNELS */
	uint64_t session; /* 0 exactly if there is one channel */
	enum wire_kind packed; /* what may come; WIRE_RAW: nothing packed */
	unsigned int nr_regions;
	struct wire_region region[MIGRATE_MAX_REGIONS];
};

struct wire_run {
	uint64_t gfn;
	uint32_t count;
	enum wire_kind kind;
	unsigned int region; /* the one that holds all of the run */
	uint32_t stored_bytes;
	uint32_t check; /* of a packed one's payload: to be verified */
};

struct wire_device {
	unsigned int device;
	bool last;
	uint64_t offset;
	uint64_t xxh64;
};

struct wire_round {
	uint32_t round;
	uint32_t flags;
	uint64_t pages;
	uint64_t zero_pages;
};

const char *wire_type_name(enum wire_type type);

/* Fills in @le: everything but the check. */
void wire_put_header(struct wire_header_le *le, const struct wire_header *h);
/* The check, over the header and the table behind it. */
void wire_seal(struct wire_header_le *le, const void *table);

/* Bytes of the table written to @table, WIRE_MAX_TABLE_BYTES long. */
size_t wire_put_hello(void *table, const struct wire_hello *hello);
size_t wire_put_round(void *table, const struct wire_round *round);
size_t wire_put_device(void *table, const struct wire_device *device);
size_t wire_put_channel(void *table, uint64_t session, uint32_t index);
/* @handed: bit i = region i. */
size_t wire_put_memory(void *table, const struct migrate_region *regions,
		       uint32_t handed);
size_t wire_put_u64(void *table, uint64_t value);
size_t wire_put_text(void *table, const char *text);
/* WIRE_ZERO or WIRE_RAW. */
void wire_put_run(struct wire_run_le *le, uint64_t gfn, uint32_t count,
		  enum wire_kind kind);
/* The others. */
void wire_put_packed_run(struct wire_run_le *le, uint64_t gfn, uint32_t count,
			 enum wire_kind kind, uint32_t stored_bytes,
			 uint32_t check);

/*
 * The parsers distrust every byte. They return 0, or -EPROTO with a sentence
 * in @err; the results are untouched then.
 */

/* A header alone: type known, sizes within the type's limits. */
int wire_parse_header(const void *bytes, struct wire_header *ret_header,
		      struct error *err);
/* Header and table belong together. */
int wire_verify(const void *header, const void *table, struct error *err);

int wire_parse_hello(const void *table, size_t bytes,
		     struct wire_hello *ret_hello, struct error *err);
int wire_parse_round(const void *table, size_t bytes,
		     struct wire_round *ret_round, struct error *err);
int wire_parse_device(const void *table, size_t bytes,
		      struct wire_device *ret_device, struct error *err);
/* The index, 1..@nr_channels - 1, if the session is @session. -ENOKEY: it is
 * another one: a stranger's. */
int wire_parse_channel(const void *table, size_t bytes, uint64_t session,
		       unsigned int nr_channels, unsigned int *ret_index,
		       struct error *err);
/* Each region at most once, and of our own size. */
int wire_parse_memory(const void *table, size_t bytes,
		      const struct migrate_region *regions,
		      unsigned int nr_regions, uint32_t *ret_handed,
		      struct error *err);
int wire_parse_u64(const void *table, size_t bytes, uint64_t *ret_value,
		   struct error *err);
/* A number of flags, refused if above @max. */
int wire_parse_flags(const void *table, size_t bytes, uint64_t max,
		     struct error *err);
/* Always gives a printable string of at most WIRE_MAX_TEXT_BYTES. */
void wire_parse_text(const void *table, size_t bytes,
		     char text[WIRE_MAX_TEXT_BYTES + 1]);

/**
 * wire_parse_runs() - the table of a batch.
 * @regions: @nr_regions of them, sorted and disjoint.
 * @payload_bytes: from the header; the runs must add up to it.
 * @packed: the kind that HELLO announced; WIRE_RAW = none.
 * @ret_runs: room for WIRE_MAX_RUNS; holds anything on failure.
 *
 * Each run lies in one region, and they ascend: no page comes twice. At most
 * WIRE_MAX_BATCH_PAGES of them have a payload.
 */
int wire_parse_runs(const void *table, size_t bytes, uint64_t payload_bytes,
		    const struct migrate_region *regions,
		    unsigned int nr_regions, enum wire_kind packed,
		    struct wire_run *ret_runs, unsigned int *ret_nr_runs,
		    struct error *err);

#endif
