/* SPDX-License-Identifier: MIT */
/* Peers that lie: each field of each record, each bit of each answer. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "stream.h"

#define MAX_RECORDS 512

static struct tape said, answered;
static struct record_at record[MAX_RECORDS];
static size_t nr_records;

static int setup(void **state)
{
	stream_record(&said, &answered);
	nr_records = tape_split(&said, record, MAX_RECORDS);
	return nr_records < 10 || nr_records == MAX_RECORDS;
}

static int teardown(void **state)
{
	tape_exit(&said);
	tape_exit(&answered);
	return 0;
}

/* The guards around the regions and the sanitizers watch the writes. */
static int play(const struct tape *t)
{
	struct fake_vm vm;
	int rc = stream_play_target(t, &vm);

	fake_vm_exit(&vm);
	return rc;
}

static enum wire_type type_of(size_t i)
{
	struct wire_header_le le;

	memcpy(&le, said.data + record[i].offset, sizeof(le));
	return le32toh(le.type);
}

static void test_recording_is_good(void **state)
{
	struct fake_vm vm;

	assert_int_equal(record[nr_records - 1].offset +
				 record[nr_records - 1].bytes,
			 said.bytes);
	assert_int_equal(play(&said), 0);
	assert_int_equal(stream_play_source(&answered, &vm), 0);
	fake_vm_exit(&vm);
}

static const struct field {
	size_t at, bytes;
} fields[] = {
	{ offsetof(struct wire_header_le, magic), 4 },
	{ offsetof(struct wire_header_le, type), 4 },
	{ offsetof(struct wire_header_le, sequence), 4 },
	{ offsetof(struct wire_header_le, table_bytes), 4 },
	{ offsetof(struct wire_header_le, payload_bytes), 8 },
	{ offsetof(struct wire_header_le, check), 8 },
};

static const uint64_t deltas[] = { 1, 8, 24, 4096, 1ull << 31, UINT64_MAX };

static void set_field(struct tape *t, size_t at, size_t bytes, uint64_t delta)
{
	uint64_t value = 0;

	memcpy(&value, t->data + at, bytes);
	value = htole64(le64toh(value) + delta);
	memcpy(t->data + at, &value, bytes);
}

/* A wrong header is refused, also where its check has been made right. */
static void lie_in_header(size_t i, size_t f, uint64_t delta)
{
	size_t at = record[i].offset + fields[f].at;
	struct tape bad = tape_copy(&said);

	set_field(&bad, at, fields[f].bytes, delta);
	if (memcmp(bad.data, said.data, said.bytes)) {
		if (fields[f].at != offsetof(struct wire_header_le, check) &&
		    fields[f].at != offsetof(struct wire_header_le, sequence))
			tape_reseal(&bad, record[i].offset, (uint32_t)i);
		assert_true(play(&bad) < 0);
	}
	tape_exit(&bad);
}

static void test_headers(void **state)
{
	size_t i, f, d;

	for (i = 0; i < nr_records; i++)
		for (f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
			for (d = 0; d < sizeof(deltas) / sizeof(deltas[0]); d++)
				lie_in_header(i, f, deltas[d]);
}

/* A record that is whole, but not the one that is due: lost or said twice. */
static void test_sequence(void **state)
{
	static const uint32_t deltas32[] = { 1, 256, UINT32_MAX };
	size_t i, d;

	for (i = 0; i < nr_records; i++) {
		for (d = 0; d < 3; d++) {
			struct tape bad = tape_copy(&said);

			tape_reseal(&bad, record[i].offset,
				    (uint32_t)i + deltas32[d]);
			assert_int_equal(play(&bad), -EPROTO);
			tape_exit(&bad);
		}
	}
}

/* Each byte of each table; with a right check only runs can get through. */
static void test_tables(void **state)
{
	struct wire_header_le le;
	size_t i, b;

	for (i = 0; i < nr_records; i++) {
		size_t at = record[i].offset;

		memcpy(&le, said.data + at, sizeof(le));
		for (b = 0; b < le32toh(le.table_bytes); b += 1 + b / 96) {
			struct tape bad = tape_copy(&said);

			bad.data[at + sizeof(le) + b] ^= 0x81;
			assert_int_equal(play(&bad), -EPROTO);
			tape_reseal(&bad, at, (uint32_t)i);
			if (play(&bad) >= 0)
				assert_int_equal(type_of(i), WIRE_RAM_BATCH);
			tape_exit(&bad);
		}
	}
}

static void test_state_payload(void **state)
{
	struct tape bad = tape_copy(&said);

	assert_int_equal(type_of(nr_records - 2), WIRE_STATE);
	bad.data[record[nr_records - 2].offset + 40 + 1234] ^= 1;
	assert_int_equal(play(&bad), -EPROTO);
	tape_exit(&bad);
}

/* The records in another order: @order of them, renumbered and resealed. */
static int play_order(const size_t *order, size_t nr)
{
	struct tape t = tape_copy(&said);
	size_t i;
	int rc;

	t.bytes = 0;
	for (i = 0; i < nr; i++) {
		memcpy(t.data + t.bytes, said.data + record[order[i]].offset,
		       record[order[i]].bytes);
		t.bytes += record[order[i]].bytes;
		tape_reseal(&t, t.bytes - record[order[i]].bytes, (uint32_t)i);
	}
	rc = play(&t);
	tape_exit(&t);
	return rc;
}

static void test_order(void **state)
{
	size_t order[MAX_RECORDS + 1], i, k, nr;
	bool batches;

	for (i = 0; i < nr_records; i++) {
		/* without it; the end of the stream is missing at the end */
		for (k = nr = 0; k < nr_records; k++)
			if (k != i)
				order[nr++] = k;
		/* Nobody must announce anything. */
		assert_true((play_order(order, nr) < 0) ==
			    (type_of(i) != WIRE_ANNOUNCE));
		/* twice; what follows go is not for us any more */
		for (k = nr = 0; k < nr_records; k++) {
			order[nr++] = k;
			if (k == i)
				order[nr++] = k;
		}
		if (i < nr_records - 1)
			assert_int_equal(play_order(order, nr), -EPROTO);
		/* swapped with the next */
		for (k = 0; k < nr_records; k++)
			order[k] = k;
		batches = i + 1 < nr_records && type_of(i) == WIRE_RAM_BATCH &&
			  type_of(i + 1) == WIRE_RAM_BATCH;
		if (i + 1 < nr_records && !batches) {
			order[i] = i + 1;
			order[i + 1] = i;
			assert_int_equal(play_order(order, nr_records),
					 -EPROTO);
		}
	}
}

/* Types that a source never says. */
static void test_wrong_direction(void **state)
{
	static const enum wire_type types[] = { WIRE_ACCEPT,	WIRE_REFUSE,
						WIRE_ROUND_ACK, WIRE_READY,
						WIRE_RUNNING,	WIRE_ERROR };
	struct {
		struct wire_header_le header;
		uint8_t table[32];
	} r;
	struct tape bad = tape_copy(&said);
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint32_t bytes = types[i] == WIRE_ROUND_ACK ? 24 : 8;
		struct wire_header h = { types[i], 0, bytes, 0 };

		memset(&r, 0, sizeof(r));
		wire_put_header(&r.header, &h);
		memcpy(bad.data, &r, sizeof(r.header) + bytes);
		tape_reseal(&bad, 0, 0);
		assert_int_equal(play(&bad), -EPROTO);
	}
	tape_exit(&bad);
}

static void test_garbage_and_nothing(void **state)
{
	struct tape bad = tape_copy(&said);

	bad.bytes = 0;
	assert_int_equal(play(&bad), -ENODATA);
	bad.bytes = 5000;
	memset(bad.data, 'G', bad.bytes);
	assert_int_equal(play(&bad), -EPROTO);
	memset(bad.data, 0, bad.bytes);
	assert_int_equal(play(&bad), -EPROTO);
	tape_exit(&bad);
}

/*
 * The other way round. Only the last answer, RUNNING, comes after go: until
 * then the source's machine runs again, with it it stays paused.
 */
static void check_answers(struct tape *bad, size_t at)
{
	struct fake_vm vm;
	int rc = stream_play_source(bad, &vm);

	assert_true(rc < 0);
	assert_int_equal(rc == -EREMOTEIO, at >= answered.bytes - 40);
	fake_vm_exit(&vm);
}

static void test_each_answered_bit(void **state)
{
	struct tape bad = tape_copy(&answered);
	size_t at;

	for (at = 0; at < answered.bytes; at++) {
		bad.data[at] ^= (uint8_t)(1 << at % 8);
		check_answers(&bad, at);
		bad.data[at] ^= (uint8_t)(1 << at % 8);
	}
	tape_exit(&bad);
}

static void test_each_answer_cut(void **state)
{
	struct tape bad = tape_copy(&answered);

	for (bad.bytes = 0; bad.bytes < answered.bytes; bad.bytes++)
		check_answers(&bad, bad.bytes);
	tape_exit(&bad);
}

/* Values that are wrong under a right check. */
static void test_answers_resealed(void **state)
{
	size_t i, b, nr = tape_split(&answered, record, MAX_RECORDS);

	for (i = 0; i < nr; i++) {
		for (b = WIRE_HEADER_BYTES; b < record[i].bytes; b++) {
			struct tape bad = tape_copy(&answered);
			size_t at = record[i].offset;

			bad.data[at + b] ^= 0x42;
			tape_reseal(&bad, at, (uint32_t)i);
			check_answers(&bad, at);
			tape_exit(&bad);
		}
	}
	nr_records = tape_split(&said, record, MAX_RECORDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recording_is_good),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_state_payload),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_wrong_direction),
		cmocka_unit_test(test_garbage_and_nothing),
		cmocka_unit_test(test_each_answered_bit),
		cmocka_unit_test(test_each_answer_cut),
		cmocka_unit_test(test_answers_resealed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
