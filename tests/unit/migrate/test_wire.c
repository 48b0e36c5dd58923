/* SPDX-License-Identifier: MIT */
/* The wire format: what is refused, byte for byte and field for field. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "migrate/wire.h"

struct record {
	struct wire_header_le header;
	uint8_t table[WIRE_MAX_TABLE_BYTES];
};

static void make(struct record *r, enum wire_type type, uint32_t table_bytes,
		 uint64_t payload_bytes)
{
	struct wire_header h = { type, 7, table_bytes, payload_bytes };

	memset(r, 0x5a, sizeof(*r));
	wire_put_header(&r->header, &h);
	wire_seal(&r->header, r->table);
}

static int parse(const struct record *r, struct wire_header *h)
{
	struct error err = { "" };
	int rc = wire_parse_header(&r->header, h, &err);

	if (!rc)
		rc = wire_verify(&r->header, r->table, &err);
	assert_int_equal(!rc, !err.text[0]);
	return rc;
}

/* Every single bit of header and table is covered by some check. */
static void test_each_bit(void **state)
{
	struct wire_header h;
	struct record r;
	size_t bit, bits = (WIRE_HEADER_BYTES + 24) * 8;

	make(&r, WIRE_ROUND_END, 24, 0);
	assert_int_equal(parse(&r, &h), 0);
	assert_int_equal(h.type, WIRE_ROUND_END);
	assert_int_equal(h.sequence, 7);
	assert_int_equal(h.table_bytes, 24);
	for (bit = 0; bit < bits; bit++) {
		((uint8_t *)&r)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(parse(&r, &h), -EPROTO);
		((uint8_t *)&r)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Sizes beyond the type's, although the check is right. */
static void test_sizes(void **state)
{
	static const struct {
		enum wire_type type;
		uint32_t table_bytes;
		uint64_t payload_bytes;
		int rc;
	} rows[] = {
		{ 0, 0, 0, -EPROTO },
		{ WIRE_NR_TYPES, 0, 0, -EPROTO },
		{ WIRE_HELLO, 48, 0, 0 },
		{ WIRE_HELLO, 32, 0, -EPROTO },
		{ WIRE_HELLO, 16, 0, -EPROTO },
		{ WIRE_HELLO, 40, 0, -EPROTO },
		{ WIRE_HELLO, 48 + 17 * 16, 0, -EPROTO },
		{ WIRE_CHANNEL, 16, 0, 0 },
		{ WIRE_CHANNEL, 32, 0, -EPROTO },
		{ WIRE_CHANNEL, 16, 1, -EPROTO },
		{ WIRE_HELLO, 48, 1, -EPROTO },
		{ WIRE_RAM_BATCH, 24, 512 * 4096, 0 },
		{ WIRE_RAM_BATCH, 24, 512 * 4096 + 1, -EPROTO },
		{ WIRE_RAM_BATCH, 0, 0, -EPROTO },
		{ WIRE_RAM_BATCH, 25, 0, -EPROTO },
		{ WIRE_RAM_BATCH, WIRE_MAX_TABLE_BYTES, 0, 0 },
		{ WIRE_RAM_BATCH, WIRE_MAX_TABLE_BYTES + 24, 0, -EPROTO },
		{ WIRE_RAM_BATCH, UINT32_MAX, 0, -EPROTO },
		{ WIRE_ROUND_END, 23, 0, -EPROTO },
		{ WIRE_ROUND_END, 48, 0, -EPROTO },
		{ WIRE_STATE, 8, WIRE_MAX_STATE_BYTES, 0 },
		{ WIRE_STATE, 8, WIRE_MAX_STATE_BYTES + 1, -EPROTO },
		{ WIRE_STATE, 8, UINT64_MAX, -EPROTO },
		{ WIRE_GO, 0, 0, -EPROTO },
		{ WIRE_GO, 8, 8, -EPROTO },
		{ WIRE_ERROR, WIRE_MAX_TEXT_BYTES, 0, 0 },
		{ WIRE_ERROR, WIRE_MAX_TEXT_BYTES + 1, 0, -EPROTO },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire_header h = { rows[i].type, 0, rows[i].table_bytes,
					 rows[i].payload_bytes };
		struct wire_header_le le;
		struct error err = { "" };

		wire_put_header(&le, &h);
		assert_int_equal(wire_parse_header(&le, &h, &err), rows[i].rc);
	}
}

#define P 4096ull

static const struct migrate_region regions[] = {
	{ 0, 160 * P, NULL },
	{ 160 * P, 16 * P, NULL }, /* touches the first */
	{ 0x100000 * P, 1024 * P, NULL },
};

struct run_row {
	struct wire_run_le run[2];
	unsigned int nr;
	uint64_t payload_bytes;
	int rc;
};

static const struct run_row run_rows[] = {
	{ { { 0, 160, 1, 160 * P, 0 } }, 1, 160 * P, 0 },
	{ { { 159, 1, 1, P, 0 }, { 160, 16, 0, 0, 0 } }, 2, P, 0 },
	{ { { 0x100000, 1024, 0, 0, 0 } }, 1, 0, 0 },
	{ { { 0x1003ff, 1, 1, P, 0 } }, 1, P, 0 },
	/* outside of, or across regions */
	{ { { 0, 161, 0, 0, 0 } }, 1, 0, -EPROTO },
	{ { { 159, 2, 1, 2 * P, 0 } }, 1, 2 * P, -EPROTO },
	{ { { 176, 1, 1, P, 0 } }, 1, P, -EPROTO },
	{ { { 0xfffff, 1, 1, P, 0 } }, 1, P, -EPROTO },
	{ { { 0x100000, 1025, 0, 0, 0 } }, 1, 0, -EPROTO },
	{ { { 0x100400, 1, 0, 0, 0 } }, 1, 0, -EPROTO },
	/* wraps */
	{ { { UINT64_MAX, 1, 0, 0, 0 } }, 1, 0, -EPROTO },
	{ { { UINT64_MAX, 2, 0, 0, 0 } }, 1, 0, -EPROTO },
	{ { { 1, UINT32_MAX, 0, 0, 0 } }, 1, 0, -EPROTO },
	{ { { 1ull << 52, 1, 0, 0, 0 } }, 1, 0, -EPROTO },
	{ { { 0, 0x100001, 1, P, 0 } }, 1, P, -EPROTO },
	/* nothing, unknown kinds, lies about sizes */
	{ { { 0, 0, 0, 0, 0 } }, 1, 0, -EPROTO },
	{ { { 0, 1, 2, P, 0 } }, 1, P, -EPROTO },
	{ { { 0, 1, 0, P, 0 } }, 1, P, -EPROTO },
	{ { { 0, 1, 1, P - 1, 0 } }, 1, P - 1, -EPROTO },
	{ { { 0, 2, 1, P, 0 } }, 1, P, -EPROTO },
	{ { { 0, 1, 1, P, 0 } }, 1, 0, -EPROTO },
	{ { { 0, 1, 1, P, 0 } }, 1, 2 * P, -EPROTO },
	{ { { 0, 1, 1, P, 1 } }, 1, P, -EPROTO },
	{ { { 0, 1, 0, 0, 1 } }, 1, 0, -EPROTO },
	/* twice, or backwards */
	{ { { 5, 1, 1, P, 0 }, { 5, 1, 0, 0, 0 } }, 2, P, -EPROTO },
	{ { { 5, 4, 0, 0, 0 }, { 8, 1, 0, 0, 0 } }, 2, 0, -EPROTO },
	{ { { 5, 1, 0, 0, 0 }, { 4, 1, 0, 0, 0 } }, 2, 0, -EPROTO },
};

struct packed_row {
	enum wire_kind announced;
	struct run_row row;
};

static const struct packed_row packed_rows[] = {
	/* announced, up to 16 pages, smaller than they are */
	{ WIRE_DEFLATE, { { { 0, 16, 2, 1, 0 } }, 1, 1, 0 } },
	{ WIRE_ZSTD, { { { 0, 1, 3, P - 1, 0 } }, 1, P - 1, 0 } },
	{ WIRE_LZ4,
	  { { { 0, 2, 4, 2 * P - 1, 0 }, { 2, 1, 1, P, 0 } },
	    2,
	    3 * P - 1,
	    0 } },
	{ WIRE_RAW, { { { 0, 16, 2, 1, 0 } }, 1, 1, -EPROTO } },
	{ WIRE_ZSTD, { { { 0, 16, 2, 1, 0 } }, 1, 1, -EPROTO } },
	{ WIRE_DEFLATE, { { { 0, 17, 2, 1, 0 } }, 1, 1, -EPROTO } },
	{ WIRE_DEFLATE, { { { 0, 0, 2, 1, 0 } }, 1, 1, -EPROTO } },
	{ WIRE_DEFLATE, { { { 0, 1, 2, 0, 0 } }, 1, 0, -EPROTO } },
	{ WIRE_DEFLATE, { { { 0, 1, 2, P, 0 } }, 1, P, -EPROTO } },
	{ WIRE_DEFLATE,
	  { { { 0, 1, 2, UINT32_MAX, 0 } }, 1, UINT32_MAX, -EPROTO } },
	{ WIRE_DEFLATE, { { { 0, 1, 2, 9, 0 } }, 1, 10, -EPROTO } },
	/* any check, to be verified with the bytes; none of zeros */
	{ WIRE_DEFLATE, { { { 0, 1, 2, 9, UINT32_MAX } }, 1, 9, 0 } },
	{ WIRE_DEFLATE, { { { 0, 1, 1, P, 1 } }, 1, P, -EPROTO } },
	{ WIRE_DEFLATE, { { { 0, 1, 0, 0, 1u << 31 } }, 1, 0, -EPROTO } },
	{ WIRE_DEFLATE, { { { 0, 1, 5, 9, 0 } }, 1, 9, -EPROTO } },
	/* across regions, which a packed run would write to as one */
	{ WIRE_DEFLATE, { { { 159, 2, 2, 9, 0 } }, 1, 9, -EPROTO } },
	/* more pages than a batch has, small as they are */
	{ WIRE_DEFLATE,
	  { { { 0x100000, 512, 1, 512 * P, 0 }, { 0x100200, 1, 2, 1, 0 } },
	    2,
	    512 * P + 1,
	    -EPROTO } },
};

static void check_runs(const struct run_row *row, enum wire_kind packed,
		       size_t number)
{
	struct wire_run runs[WIRE_MAX_RUNS];
	struct error err = { "" };
	unsigned int nr;
	int rc = wire_parse_runs(row->run, row->nr * sizeof(row->run[0]),
				 row->payload_bytes, regions, 3, packed, runs,
				 &nr, &err);

	if (rc != row->rc)
		print_message("row %zu\n", number);
	assert_int_equal(rc, row->rc);
	assert_int_equal(!rc, !err.text[0]);
	if (!rc)
		assert_int_equal(nr, row->nr);
}

static void test_runs(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(run_rows) / sizeof(run_rows[0]); i++)
		check_runs(&run_rows[i], WIRE_RAW, i);
	for (i = 0; i < sizeof(packed_rows) / sizeof(packed_rows[0]); i++)
		check_runs(&packed_rows[i].row, packed_rows[i].announced, i);
}

struct hello {
	struct wire_hello_le le;
	struct wire_region_le region[2];
};

static int parse_hello(const struct hello *h, size_t bytes)
{
	struct wire_hello hello;
	struct error err = { "" };
	int rc = wire_parse_hello(h, bytes, &hello, &err);

	assert_int_equal(!rc, !err.text[0]);
	return rc;
}

static void test_hello(void **state)
{
	const struct wire_hello shape = {
		.nr_channels = 1,
		.nr_regions = 2,
		.region = { { 0, P }, { 9 * P, 5 * P } },
	};
	struct wire_hello back;
	struct hello good, bad;
	size_t bytes = wire_put_hello(&good, &shape), bit;

	assert_int_equal(bytes, sizeof(good));
	assert_int_equal(wire_parse_hello(&good, bytes, &back, NULL), 0);
	assert_int_equal(back.nr_regions, 2);
	assert_memory_equal(back.region, shape.region,
			    2 * sizeof(struct wire_region));
	/* Every bit in front of the regions counts. */
	for (bit = 0; bit < sizeof(good.le) * 8; bit++) {
		bad = good;
		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* Three of them are features. */
		assert_int_equal(parse_hello(&bad, bytes),
				 bad.le.flags && bad.le.flags <= 16 &&
						 bad.le.flags >= 4
					 ? 0
					 : -EPROTO);
	}
	assert_int_equal(parse_hello(&good, bytes - 16), -EPROTO);
	assert_int_equal(parse_hello(&good, 8), -EPROTO);
	bad = good;
	bad.le.nr_regions = htole32(0x10000002);
	assert_int_equal(parse_hello(&bad, bytes), -EPROTO);
}

/* One codec, or none. */
static void test_features(void **state)
{
	struct wire_hello shape = {
		.nr_channels = 1,
		.nr_regions = 1,
		.region = { { 0, P } },
	};
	struct wire_hello back;
	struct hello h;
	unsigned int kind;
	size_t bytes;

	for (kind = WIRE_RAW; kind < WIRE_NR_KINDS; kind++) {
		shape.packed = kind;
		bytes = wire_put_hello(&h, &shape);
		assert_int_equal(wire_parse_hello(&h, bytes, &back, NULL), 0);
		assert_int_equal(back.packed, kind);
	}
	h.le.flags =
		htole64(WIRE_FEATURE(WIRE_DEFLATE) | WIRE_FEATURE(WIRE_LZ4));
	assert_int_equal(parse_hello(&h, bytes), -EPROTO);
	h.le.flags = htole64(WIRE_FEATURE(WIRE_RAW));
	assert_int_equal(parse_hello(&h, bytes), -EPROTO);
	h.le.flags = htole64(1ull << 32);
	assert_int_equal(parse_hello(&h, bytes), -EPROTO);
}

static void test_version_is_named(void **state)
{
	const struct wire_hello shape = {
		.nr_channels = 1,
		.nr_regions = 1,
		.region = { { 0, P } },
	};
	struct error err = { "" };
	struct wire_hello back;
	struct hello h;
	size_t bytes = wire_put_hello(&h, &shape);

	h.le.version = htole32(7);
	assert_int_equal(wire_parse_hello(&h, bytes, &back, &err), -EPROTO);
	assert_non_null(strstr(err.text, "version 7"));
}

/* A text from the peer cannot do anything to a terminal or a log. */
static void test_text(void **state)
{
	char text[WIRE_MAX_TEXT_BYTES + 1], big[1000];

	wire_parse_text("a\n\x1b[2J\x00\xff~", 9, text);
	assert_string_equal(text, "a??[2J??~");
	wire_parse_text("", 0, text);
	assert_true(text[0]);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	assert_int_equal(wire_put_text(text, big), WIRE_MAX_TEXT_BYTES);
	wire_parse_text(big, sizeof(big), text);
	assert_int_equal(strlen(text), WIRE_MAX_TEXT_BYTES);
}

static void test_round_flags(void **state)
{
	struct wire_round round = { 1, 2, 3, 4 };
	uint8_t table[24];

	assert_int_equal(wire_put_round(table, &round), 24);
	assert_int_equal(wire_parse_round(table, 24, &round, NULL), -EPROTO);
	assert_int_equal(wire_parse_round(table, 23, &round, NULL), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_version_is_named),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_round_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
