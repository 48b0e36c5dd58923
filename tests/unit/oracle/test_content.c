/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a page: is every wrong byte noticed, and does a stamp tell who
 * wrote it? How they compress is in test_ratio.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "make.h"

/* Text is printable, and its words are divided. */
static void text_can_be_read(void **state)
{
	static uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	struct oracle o = make(ORACLE_WRITE_PAGE, ORACLE_CONTENT_TEXT, 0);
	uint64_t visit, blanks = 0;
	size_t i;

	for (visit = 0; visit < 50; visit++) {
		oracle_page(&o, 600, visit, page);
		for (i = ORACLE_STAMP_BYTES; i < sizeof(page); i++) {
			assert_in_range(page[i], ' ', 'z');
			blanks += page[i] == ' ';
		}
	}
	assert_in_range(blanks, 50 * 4096 / 9, 50 * 4096 / 5);
}

/* delta=N: a visit changes N bytes of the page, in whole lines. */
static void delta_changes_so_many(void **state)
{
	static uint8_t page[2][ABI_PAGE_BYTES] __attribute__((aligned(64)));
	static const struct {
		uint32_t content, ratio, delta, lines;
	} cases[] = {
		{ ORACLE_CONTENT_RANDOM, 0, 64, 1 },
		{ ORACLE_CONTENT_RANDOM, 0, 4096, 64 },
		{ ORACLE_CONTENT_TEXT, 0, 256, 4 },
		{ ORACLE_CONTENT_CONSTANT, 0, 1024, 16 },
		{ ORACLE_CONTENT_RATIO, 2, 1024, 16 },
		/* No more than there are that change at all. */
		{ ORACLE_CONTENT_RATIO, 8, 1024, 8 },
		{ ORACLE_CONTENT_ZERO, 0, 1024, 1 },
	};
	size_t i, at;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct oracle o = make(ORACLE_WRITE_PAGE, cases[i].content,
				       cases[i].ratio);
		uint32_t lines = 0;

		o.delta_bytes = cases[i].delta;
		assert_true(oracle_valid(&o));
		oracle_page(&o, 700, 5, page[0]);
		oracle_page(&o, 700, 6, page[1]);
		for (at = 0; at < ABI_PAGE_BYTES; at += 64)
			lines += !!memcmp(page[0] + at, page[1] + at, 64);
		assert_int_equal(lines, cases[i].lines);
	}
}

static bool blank(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, ABI_PAGE_BYTES - 1);
}

/* content=zero: a visit is a stamp and zeros, the next one all zero; the
 * phase changes every 16 pages. */
static void zero_alternates(void **state)
{
	static uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	uint64_t gfn, visit, at_gfn, at_visit;
	struct oracle_stamp stamp;
	uint32_t write, epoch;

	for (write = 0; write < NR_WRITES; write++) {
		struct oracle o = make_write(write, ORACLE_CONTENT_ZERO, 0);

		for (gfn = 512; gfn < 600; gfn++) {
			for (visit = 0; visit < 20; visit++) {
				oracle_page(&o, gfn, visit, page);
				assert_int_equal(blank(page),
						 (visit + gfn / 16) % 2);
				memcpy(&stamp, page, sizeof(stamp));
				assert_int_equal(
					oracle_stamp_read(stamp, &at_gfn,
							  &at_visit, &epoch),
					!((visit + gfn / 16) % 2));
				memset(page, 0, sizeof(stamp));
				assert_true(blank(page));
			}
		}
	}
}

static void stamps_round_trip(void **state)
{
	struct rng rng = { 7 };
	uint64_t gfn, visit;
	uint32_t epoch, i;

	for (i = 0; i < 200000; i++) {
		struct oracle o = { .epoch = (uint32_t)rng_below(&rng, 65536) };
		uint64_t g = rng_next(&rng) >> (24 + rng_below(&rng, 40));
		uint64_t v = rng_next(&rng) >> (16 + rng_below(&rng, 48));
		struct oracle_stamp s = oracle_stamp(&o, g, v);

		assert_true(oracle_stamp_read(s, &gfn, &visit, &epoch));
		assert_int_equal(gfn, g);
		assert_int_equal(visit, v);
		assert_int_equal(epoch, o.epoch);
	}
}

/* 24 check bits: of four million random words about a quarter of one passes.
 * A flipped bit must never pass as another stamp more often than that. */
static void random_words_are_no_stamps(void **state)
{
	struct rng rng = { 8 };
	uint64_t gfn, visit;
	uint32_t epoch, i, passed = 0;

	for (i = 0; i < 2000000; i++) {
		struct oracle o = { .epoch = 1 };
		struct oracle_stamp s = { { rng_next(&rng), rng_next(&rng) } };
		uint32_t bit = (uint32_t)rng_below(&rng, 128);

		passed += oracle_stamp_read(s, &gfn, &visit, &epoch);
		s = oracle_stamp(&o, i, 3);
		s.word[bit / 64] ^= 1ull << bit % 64;
		passed += oracle_stamp_read(s, &gfn, &visit, &epoch);
	}
	assert_true(passed <= 3);
}

/* The two ways to say what a page must be agree on right and wrong pages. */
static void check_is_comparison(void **state)
{
	static uint8_t want[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	static uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	struct rng rng = { 9 };
	uint32_t i, j, at;

	for (i = 0; i < 20000; i++) {
		struct oracle o = params_random(&rng, 64, 2);
		uint64_t gfn = oracle_gfn(&o, rng_below(&rng, 64));
		uint64_t visit = rng_below(&rng, 6);

		oracle_page(&o, gfn, visit, want);
		memcpy(page, want, sizeof(page));
		assert_true(oracle_page_ok(&o, gfn, visit, page));
		for (j = 0; j < 4; j++) {
			at = (uint32_t)rng_below(&rng, ABI_PAGE_BYTES);
			page[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
			assert_int_equal(oracle_page_ok(&o, gfn, visit, page),
					 !memcmp(page, want, sizeof(page)));
			if (rng_below(&rng, 2))
				page[at] = want[at];
		}
	}
}

/* Every single byte counts, for each number of random bytes. */
static void every_byte_is_checked(void **state)
{
	static uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	uint32_t write, ratio, at, visit;

	for (write = 0; write < NR_WRITES; write++) {
		for (ratio = 1; ratio <= ORACLE_MAX_RATIO + 6; ratio += 3) {
			/* Past the ratios, text and constant. */
			bool other = ratio > ORACLE_MAX_RATIO;
			struct oracle o = make_write(
				write,
				!other	    ? ORACLE_CONTENT_RATIO
				: ratio % 2 ? ORACLE_CONTENT_TEXT
					    : ORACLE_CONTENT_CONSTANT,
				ratio);

			for (visit = 0; visit < 2; visit++) {
				oracle_page(&o, 600, visit, page);
				for (at = 0; at < ABI_PAGE_BYTES; at++) {
					page[at] ^= 0x10;
					assert_false(oracle_page_ok(
						&o, 600, visit, page));
					page[at] ^= 0x10;
				}
			}
		}
	}
}

/* A visit over the one before gives the page that the closed form says. */
static void writes_give_pages(void **state)
{
	static uint8_t want[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	static uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	struct rng rng = { 10 };
	uint64_t visit;
	uint32_t i;

	for (i = 0; i < 300; i++) {
		struct oracle o = params_random(&rng, 64, 2);
		uint64_t gfn = oracle_gfn(&o, rng_below(&rng, 64));

		memset(page, 0xa5, sizeof(page));
		for (visit = 0; visit < 9; visit++) {
			oracle_write_visit(&o, gfn, visit, page);
			oracle_page(&o, gfn, visit, want);
			assert_memory_equal(page, want, sizeof(page));
		}
	}
}

/* Guest and host are built apart: the bytes themselves are part of the ABI. */
static void bytes_stay_as_they_are(void **state)
{
	static uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	static const uint32_t ratios[] = { 1, 2, 5, 33, 64 };
	uint32_t crc = 0, write, content, i;
	uint64_t visit;

	for (write = 1; write <= 2; write++) {
		for (content = 1; content <= 3; content++) {
			for (i = 0; i < 5; i++) {
				struct oracle o =
					make(write, content, ratios[i]);

				for (visit = 0; visit < 4; visit++) {
					oracle_page(&o, 777, visit, page);
					crc = (uint32_t)crc32(crc, page,
							      sizeof(page));
				}
			}
		}
	}
	assert_int_equal(crc, 0x70dd9445);
	crc = 0;
	for (write = 0; write < NR_WRITES; write++) {
		for (content = 1; content <= 5; content++) {
			struct oracle o = make_write(write, content, 5);

			for (visit = 0; visit < 4; visit++) {
				oracle_page(&o, 777, visit, page);
				crc = (uint32_t)crc32(crc, page, sizeof(page));
			}
		}
	}
	assert_int_equal(crc, 0xdf27ca62);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_checked),
		cmocka_unit_test(check_is_comparison),
		cmocka_unit_test(random_words_are_no_stamps),
		cmocka_unit_test(stamps_round_trip),
		cmocka_unit_test(writes_give_pages),
		cmocka_unit_test(zero_alternates),
		cmocka_unit_test(delta_changes_so_many),
		cmocka_unit_test(text_can_be_read),
		cmocka_unit_test(bytes_stay_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
