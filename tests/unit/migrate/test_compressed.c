/* SPDX-License-Identifier: MIT */
/* Compressed migrations: whole, with damaged pages, and to who cannot. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "migrate/compress.h"
#include "stream.h"

#define MAX_RECORDS 512

static const struct way {
	enum codec_id codec;
	enum compress_engine engine;
	bool wait;
	unsigned int pages;
} ways[] = {
	{ CODEC_ZLIB, COMPRESS_RING, true, 16 },
	{ CODEC_ZLIB, COMPRESS_LOCKED, true, 1 },
	{ CODEC_LIBDEFLATE, COMPRESS_RING, false, 16 },
	{ CODEC_LIBDEFLATE, COMPRESS_LOCKED, false, 16 },
	{ CODEC_ZSTD, COMPRESS_RING, true, 3 },
	{ CODEC_ZSTD, COMPRESS_LOCKED, true, 16 },
	{ CODEC_LZ4, COMPRESS_RING, false, 1 },
	{ CODEC_LZ4, COMPRESS_LOCKED, true, 2 },
};

#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

static struct migrate_compress how(const struct way *way)
{
	return (struct migrate_compress){
		.codec = way->codec,
		.level = 1,
		.nr_threads = 3,
		.engine = way->engine,
		.wait = way->wait,
		.max_pages = way->pages,
	};
}

/* stream.c plays both sides and checks what must hold. */
static void test_whole(void **state)
{
	struct tape said, answered;
	struct fake_vm vm;
	size_t i;

	for (i = 0; i < NR_WAYS; i++) {
		const struct migrate_compress c = how(&ways[i]);

		stream_record_compressed(&c, &said, &answered);
		assert_int_equal(stream_play_target(&said, &vm), 0);
		fake_vm_exit(&vm);
		tape_exit(&said);
		tape_exit(&answered);
	}
}

struct place {
	size_t run; /* of the entry in a batch's table */
	size_t payload; /* of its bytes */
	uint32_t bytes;
	size_t record, number;
};

/* The first packed run of the tape. */
static bool find_packed(const struct tape *t, struct place *p)
{
	struct record_at record[MAX_RECORDS];
	size_t nr = tape_split(t, record, MAX_RECORDS), i, k;
	struct wire_header_le le;
	struct wire_run_le run;

	for (i = 0; i < nr; i++) {
		size_t at = record[i].offset + sizeof(le), payload;

		memcpy(&le, t->data + record[i].offset, sizeof(le));
		if (le32toh(le.type) != WIRE_RAM_BATCH)
			continue;
		payload = at + le32toh(le.table_bytes);
		for (k = 0; k < le32toh(le.table_bytes) / sizeof(run); k++) {
			memcpy(&run, t->data + at + k * sizeof(run),
			       sizeof(run));
			if (le32toh(run.kind) > WIRE_RAW) {
				*p = (struct place){ at + k * sizeof(run),
						     payload,
						     le32toh(run.stored_bytes),
						     record[i].offset, i };
				return true;
			}
			payload += le32toh(run.stored_bytes);
		}
	}
	return false;
}

static void refused(const struct tape *t)
{
	struct fake_vm vm;

	assert_int_equal(stream_play_target(t, &vm), -EPROTO);
	fake_vm_exit(&vm);
}

/* Every bit of the first bytes and of some others, the whole check. */
static void flip(struct tape *bad, const struct place *p)
{
	size_t check = p->run + offsetof(struct wire_run_le, check), bit, step;

	for (bit = 0; bit < p->bytes * 8ull; bit += step) {
		uint8_t *at = bad->data + p->payload + bit / 8;

		*at ^= (uint8_t)(1 << bit % 8);
		refused(bad);
		*at ^= (uint8_t)(1 << bit % 8);
		step = bit < 64 ? 1 : 1 + p->bytes / 8;
	}
	for (bit = 0; bit < 32; bit++) {
		bad->data[check + bit / 8] ^= (uint8_t)(1 << bit % 8);
		tape_reseal(bad, p->record, (uint32_t)p->number);
		refused(bad);
		bad->data[check + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	tape_reseal(bad, p->record, (uint32_t)p->number);
}

/* Somebody makes the check right: the codecs have to find it. Not Adler-32's
 * weak side: bytes that are far off. */
static void forge(struct tape *bad, const struct place *p)
{
	static const uint32_t every[] = { 0, 1, 2, 5, 11, 40 };
	size_t i;

	for (i = 0; i < sizeof(every) / sizeof(every[0]); i++) {
		size_t at = p->payload + every[i] % p->bytes;

		bad->data[at] ^= 0xff;
		tape_recheck(bad);
		refused(bad);
		bad->data[at] ^= 0xff;
	}
	/* The codec's own checksum. */
	bad->data[p->payload + p->bytes - 1] ^= 1;
	tape_recheck(bad);
	refused(bad);
	bad->data[p->payload + p->bytes - 1] ^= 1;
	tape_recheck(bad);
}

/* It says another number of pages than it makes: a bomb, or too little. */
static void lie(struct tape *bad, const struct place *p)
{
	struct wire_run_le good, run;

	memcpy(&good, bad->data + p->run, sizeof(good));
	run = good;
	run.count =
		htole32(le32toh(good.count) > 1 ? le32toh(good.count) - 1 : 2);
	memcpy(bad->data + p->run, &run, sizeof(run));
	tape_reseal(bad, p->record, (uint32_t)p->number);
	refused(bad);
	memcpy(bad->data + p->run, &good, sizeof(good));
	tape_reseal(bad, p->record, (uint32_t)p->number);
}

static void damage(const struct way *way)
{
	const struct migrate_compress c = how(way);
	struct tape said, answered, bad;
	struct place p = { 0 };

	stream_record_compressed(&c, &said, &answered);
	assert_true(find_packed(&said, &p));
	bad = tape_copy(&said);
	flip(&bad, &p);
	forge(&bad, &p);
	lie(&bad, &p);
	/* It ends within. */
	bad.bytes = p.payload + p.bytes / 2;
	{
		struct fake_vm vm;

		assert_int_equal(stream_play_target(&bad, &vm), -ENODATA);
		fake_vm_exit(&vm);
	}
	tape_exit(&bad);
	tape_exit(&said);
	tape_exit(&answered);
}

static void test_damaged(void **state)
{
	size_t i;

	for (i = 0; i < NR_WAYS; i++)
		if (ways[i].wait)
			damage(&ways[i]);
}

/* A request of two pages of text; the result's bytes are copied. */
static struct compress_job pack_text(struct compress_params *p, uint8_t *pages,
				     uint8_t *packed)
{
	struct compress_job job = { .pages = pages, .nr_pages = 2 };
	struct compress_result r;
	struct compress *c;
	size_t i;

	for (i = 0; i < 2 * FAKE_PAGE; i++)
		pages[i] = (uint8_t)("the guest of a house "[i % 21] + i / 512);
	p->direction = CODEC_COMPRESS;
	assert_int_equal(compress_create(p, &c, NULL), 0);
	assert_int_equal(compress_submit(c, &job), 0);
	assert_true(compress_collect(c, &r, true));
	assert_non_null(r.packed);
	memcpy(packed, r.packed, r.packed_bytes);
	job.packed = packed;
	job.packed_bytes = r.packed_bytes;
	job.check = r.check;
	compress_destroy(c);
	return job;
}

/* Whatever bit of it flips, and whatever the codec would say. */
static void each_bit(enum codec_id codec, enum compress_engine engine)
{
	struct compress_params p = {
		.engine = engine,
		.codec = codec_by_id(codec),
		.level = 1,
		.nr_threads = 1,
		.wait = true,
		.max_pages = 2,
	};
	uint8_t pages[2 * FAKE_PAGE], packed[2 * FAKE_PAGE];
	struct compress_job job = pack_text(&p, pages, packed);
	struct compress_result r;
	struct compress *c;
	size_t bit;

	p.direction = CODEC_DECOMPRESS;
	assert_int_equal(compress_create(&p, &c, NULL), 0);
	/* The last one is none: the bytes as they were. */
	for (bit = 0; bit <= job.packed_bytes * 8; bit++) {
		bool last = bit == job.packed_bytes * 8;

		packed[last ? 0 : bit / 8] ^= (uint8_t)(!last << bit % 8);
		assert_int_equal(compress_submit(c, &job), 0);
		assert_true(compress_collect(c, &r, true));
		assert_int_equal(r.rc, last ? 0 : -EBADMSG);
		packed[last ? 0 : bit / 8] ^= (uint8_t)(!last << bit % 8);
	}
	compress_destroy(c);
}

static void test_each_bit(void **state)
{
	size_t i, engine;

	for (i = CODEC_NONE + 1; i < CODEC_NR; i++)
		for (engine = 0; engine < COMPRESS_NR_ENGINES; engine++)
			each_bit(i, engine);
}

/* Pages of a kind that HELLO did not announce. */
static void test_not_announced(void **state)
{
	const struct migrate_compress c = how(&ways[0]);
	struct tape said, answered;
	struct wire_hello_le *hello;
	uint64_t flags;

	stream_record_compressed(&c, &said, &answered);
	hello = (void *)(said.data + WIRE_HEADER_BYTES);
	for (flags = 0; flags <= WIRE_FEATURE(WIRE_LZ4);
	     flags = flags ? flags * 2 : WIRE_FEATURE(WIRE_ZSTD)) {
		memcpy(&hello->flags, &flags, sizeof(flags));
		tape_reseal(&said, 0, 0);
		refused(&said);
	}
	/* A codec of the future: what a target without any would say. */
	flags = htole64(WIRE_FEATURE(WIRE_NR_KINDS));
	memcpy(&hello->flags, &flags, sizeof(flags));
	tape_reseal(&said, 0, 0);
	refused(&said);
	tape_exit(&said);
	tape_exit(&answered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_not_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
