/* SPDX-License-Identifier: MIT */
/* Codecs: what goes in comes out again, and what a peer sends is distrusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "migrate/codec.h"
#include "oracle.h"

enum content { RANDOM, ZERO, TEXT, RATIO, TWICE, NR_CONTENTS };

static void fill(enum content content, uint8_t *at, size_t bytes)
{
	static const uint32_t oracle_content[NR_CONTENTS] = {
		[RANDOM] = ORACLE_CONTENT_RANDOM,
		[ZERO] = ORACLE_CONTENT_ZERO,
		[TEXT] = ORACLE_CONTENT_TEXT,
		[RATIO] = ORACLE_CONTENT_RATIO,
		[TWICE] = ORACLE_CONTENT_RANDOM,
	};
	struct oracle o = {
		.seed = 7,
		.epoch = 1,
		.nr_vcpus = 1,
		.nr_orders = 1,
		.write = ORACLE_WRITE_PAGE,
		.content = oracle_content[content],
		.ratio = 4,
		.nr_pages = 64,
		.nr_ranges = 1,
		.range = { { 0, 64 } },
		.order = { { .pattern = ORACLE_SEQUENTIAL } },
	};
	uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	size_t done, n;

	for (done = 0; done < bytes; done += n) {
		n = bytes - done < sizeof(page) ? bytes - done : sizeof(page);
		oracle_page(&o, done / sizeof(page), 1, page);
		if (content == TWICE)
			memcpy(page + 2048, page, 2048);
		if (content == ZERO)
			memset(page, 0, sizeof(page));
		memcpy(at + done, page, n);
	}
}

/* Memory of exactly so many bytes, so that a sanitizer sees one too many. */
static void *exactly(const void *from, size_t bytes)
{
	void *p = malloc(bytes ? bytes : 1);

	assert_non_null(p);
	if (from)
		memcpy(p, from, bytes);
	return p;
}

struct pair {
	const struct codec *codec;
	struct codec_context *in, *out;
};

static struct pair pair_create(const struct codec *codec, int level, size_t max)
{
	struct pair p = { .codec = codec };

	assert_int_equal(codec_create(codec, CODEC_COMPRESS, level, max, &p.in),
			 0);
	assert_int_equal(codec_create(codec, CODEC_DECOMPRESS, 0, max, &p.out),
			 0);
	return p;
}

static void pair_destroy(struct pair *p)
{
	codec_destroy(p->in);
	codec_destroy(p->out);
}

/* The bytes, packed; the caller frees. */
static uint8_t *packed(struct pair *p, const void *from, size_t bytes,
		       size_t *ret_bytes)
{
	size_t room = codec_bound(p->codec, bytes);
	uint8_t *to = exactly(NULL, room), *shrunk;

	assert_int_equal(
		codec_compress(p->in, from, bytes, to, room, ret_bytes), 0);
	assert_in_range(*ret_bytes, 1, room);
	shrunk = exactly(to, *ret_bytes);
	free(to);
	return shrunk;
}

static void roundtrip(struct pair *p, enum content content, size_t bytes)
{
	uint8_t *from = exactly(NULL, bytes), *back = exactly(NULL, bytes), *z;
	size_t n, again, room;
	int rc;

	fill(content, from, bytes);
	z = packed(p, from, bytes, &n);
	assert_int_equal(codec_decompress(p->out, z, n, back, bytes), 0);
	assert_memory_equal(from, back, bytes);
	/* With less room it is the same bytes or none; codecs may want some
	 * more than they fill. */
	for (room = n + 16; room; room = room > n - 2 ? room - 1 : room / 2) {
		uint8_t *to = exactly(NULL, room);

		rc = codec_compress(p->in, from, bytes, to, room, &again);
		assert_true(rc == -ENOSPC || (!rc && room >= n && again == n));
		if (!rc)
			assert_memory_equal(to, z, n);
		free(to);
	}
	if (content == RATIO && bytes == 4096 && p->codec->level_min != 0)
		assert_in_range(n, 900, 1200);
	free(z);
	free(back);
	free(from);
}

static void test_roundtrip(void **state)
{
	static const size_t sizes[] = { 1, 100, 4096, 8192, 65536 };
	size_t i, level, content, size;

	for (i = 0; i < codec_nr; i++) {
		int levels[] = { codecs[i].level_min, codecs[i].level_default,
				 codecs[i].level_max };

		for (level = 0; level < 3; level++) {
			struct pair big = pair_create(&codecs[i], levels[level],
						      CODEC_MAX_BYTES);
			struct pair small =
				pair_create(&codecs[i], levels[level], 4096);

			for (content = 0; content < NR_CONTENTS; content++)
				for (size = 0; size < 5; size++) {
					roundtrip(&big, content, sizes[size]);
					if (sizes[size] <= 4096)
						roundtrip(&small, content,
							  sizes[size]);
				}
			pair_destroy(&small);
			pair_destroy(&big);
		}
	}
}

/* What zlib wrote libdeflate reads, and the other way round. */
static void test_deflate_is_deflate(void **state)
{
	struct pair a = pair_create(codec_by_name("zlib"), 6, 65536);
	struct pair b = pair_create(codec_by_name("libdeflate"), 6, 65536);
	uint8_t *from = exactly(NULL, 65536), *back = exactly(NULL, 65536), *z;
	size_t n;

	fill(TEXT, from, 65536);
	z = packed(&a, from, 65536, &n);
	assert_int_equal(codec_decompress(b.out, z, n, back, 65536), 0);
	assert_memory_equal(from, back, 65536);
	free(z);
	memset(back, 0, 65536);
	z = packed(&b, from, 65536, &n);
	assert_int_equal(codec_decompress(a.out, z, n, back, 65536), 0);
	assert_memory_equal(from, back, 65536);
	free(z);
	free(back);
	free(from);
	pair_destroy(&a);
	pair_destroy(&b);
}

static void refused(struct pair *p, const uint8_t *z, size_t n, size_t bytes)
{
	uint8_t *in = exactly(z, n), *out = exactly(NULL, bytes);

	assert_int_equal(codec_decompress(p->out, in, n, out, bytes), -EPROTO);
	free(out);
	free(in);
}

static void test_truncated_and_longer(void **state)
{
	uint8_t page[4096], *z, *longer;
	size_t i, n, cut;

	fill(RATIO, page, sizeof(page));
	for (i = 0; i < codec_nr; i++) {
		struct pair p = pair_create(&codecs[i], 1, 65536);

		z = packed(&p, page, sizeof(page), &n);
		for (cut = 0; cut < n; cut++)
			refused(&p, z, cut, sizeof(page));
		longer = calloc(1, n + 8);
		assert_non_null(longer);
		memcpy(longer, z, n);
		for (cut = 1; cut <= 8; cut++)
			refused(&p, longer, n + cut, sizeof(page));
		free(longer);
		free(z);
		pair_destroy(&p);
	}
}

/*
 * Every bit of it matters: what came of a flipped one is refused or right. But
 * Adler-32 is weak: where a word stands for another one all over a text, the
 * sums may stay what they were.
 */
static void test_flipped(void **state)
{
	uint8_t page[4096], back[4096], *z;
	size_t i, n, bit, wrong;

	fill(TEXT, page, sizeof(page));
	for (i = 0; i < codec_nr; i++) {
		struct pair p = pair_create(&codecs[i], 1, 4096);

		z = packed(&p, page, sizeof(page), &n);
		for (bit = 0, wrong = 0; bit < n * 8; bit++) {
			z[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (!codec_decompress(p.out, z, n, back, 4096))
				wrong += !!memcmp(page, back, 4096);
			z[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_in_range(wrong, 0,
				codecs[i].id <= CODEC_LIBDEFLATE ? 3 : 0);
		assert_int_equal(codec_decompress(p.out, z, n, back, 4096), 0);
		free(z);
		pair_destroy(&p);
	}
}

/* A little that says it is much, or much where little was announced. */
static void test_bomb(void **state)
{
	uint8_t *zeros = calloc(1, 65536), *z;
	size_t i, n;

	assert_non_null(zeros);
	for (i = 0; i < codec_nr; i++) {
		struct pair p = pair_create(&codecs[i], 1, 65536);

		z = packed(&p, zeros, 65536, &n);
		assert_in_range(n, 1, 1000);
		refused(&p, z, n, 4096);
		refused(&p, z, n, 1);
		refused(&p, z, n, 65535);
		free(z);
		z = packed(&p, zeros, 4096, &n);
		refused(&p, z, n, 65536);
		refused(&p, z, n, 4097);
		free(z);
		pair_destroy(&p);
	}
	free(zeros);
}

/* Another codec's bytes, noise, and more bytes than there can be. */
static void test_not_ours(void **state)
{
	uint8_t page[4096], *noise = exactly(NULL, 1 << 20), *z;
	size_t i, j, n;

	fill(RANDOM, noise, 1 << 20);
	fill(TEXT, page, sizeof(page));
	for (i = 0; i < codec_nr; i++) {
		struct pair p = pair_create(&codecs[i], 1, 65536);

		z = packed(&p, page, sizeof(page), &n);
		for (j = 0; j < codec_nr; j++) {
			struct pair q = pair_create(&codecs[j], 1, 65536);

			if (j != i && !(codecs[i].id <= CODEC_LIBDEFLATE &&
					codecs[j].id <= CODEC_LIBDEFLATE))
				refused(&q, z, n, sizeof(page));
			pair_destroy(&q);
		}
		refused(&p, noise, 4096, 4096);
		refused(&p, noise, 1 << 20, 65536);
		free(z);
		pair_destroy(&p);
	}
	free(noise);
}

static void test_table(void **state)
{
	struct codec_context *x = NULL;
	size_t i;

	for (i = 0; i < codec_nr; i++) {
		const struct codec *c = &codecs[i];

		assert_ptr_equal(codec_by_id(c->id), c);
		assert_ptr_equal(codec_by_name(c->name), c);
		assert_in_range(c->level_default - c->level_min, 0,
				c->level_max - c->level_min);
		assert_int_equal(codec_create(c, CODEC_COMPRESS,
					      c->level_min - 1, 4096, &x),
				 -EINVAL);
		assert_int_equal(codec_create(c, CODEC_COMPRESS,
					      c->level_max + 1, 4096, &x),
				 -EINVAL);
		assert_int_equal(codec_create(c, CODEC_DECOMPRESS, 0, 0, &x),
				 -EINVAL);
		assert_int_equal(codec_create(c, CODEC_DECOMPRESS, 0,
					      CODEC_MAX_BYTES + 1, &x),
				 -EINVAL);
		assert_null(x);
	}
	assert_null(codec_by_id(CODEC_NONE));
	assert_null(codec_by_id(CODEC_NR));
	assert_null(codec_by_id(UINT32_MAX));
	assert_null(codec_by_name("gzip"));
	assert_null(codec_by_name(""));
}

static void test_probe(void **state)
{
	static const bool random[NR_CONTENTS] = { [RANDOM] = true };
	uint8_t *at = exactly(NULL, 65536);
	struct codec_context *x;
	size_t content;

	assert_int_equal(codec_create(codec_by_name("zlib"), CODEC_COMPRESS, 1,
				      65536, &x),
			 0);
	for (content = 0; content < NR_CONTENTS; content++) {
		fill(content, at, 65536);
		assert_int_equal(codec_probe(x, at, 4096), random[content]);
		assert_int_equal(codec_probe(x, at, 65536), random[content]);
	}
	codec_destroy(x);
	free(at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_roundtrip),
		cmocka_unit_test(test_deflate_is_deflate),
		cmocka_unit_test(test_truncated_and_longer),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
