/* SPDX-License-Identifier: MIT */
/* Do the contents compress as promised? */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "make.h"

/* How many times smaller level 1 makes the set in one stream, or (@by_page)
 * each page by itself, which costs some 60 bytes a page more.
 * @visits: 0 = all filled, else mixed. */
static double compressed(const struct oracle *o, uint64_t visits, bool by_page)
{
	static uint8_t page[ABI_PAGE_BYTES] __attribute__((aligned(64)));
	static uint8_t out[2 * ABI_PAGE_BYTES];
	struct rng rng = { 5 };
	uint64_t bytes = 0, i;
	z_stream z = { 0 };

	assert_int_equal(deflateInit(&z, 1), Z_OK);
	for (i = 0; i < o->nr_pages; i++) {
		uint64_t visit = visits ? rng_below(&rng, visits) : 0;

		oracle_page(o, oracle_gfn(o, i), visit, page);
		z.next_in = page;
		z.avail_in = sizeof(page);
		do {
			z.next_out = out;
			z.avail_out = sizeof(out);
			deflate(&z, !by_page && i + 1 < o->nr_pages ? Z_NO_FLUSH
								    : Z_FINISH);
			bytes += sizeof(out) - z.avail_out;
		} while (!z.avail_out);
		if (by_page)
			deflateReset(&z);
	}
	deflateEnd(&z);
	return (double)o->nr_pages * ABI_PAGE_BYTES / (double)bytes;
}

/* The working set's ratio lies within 5 % of @least..@most, whatever is written
 * how often, with whatever seed. */
static void check_ratio(uint32_t content, uint32_t ratio, double least,
			double most)
{
	static const uint64_t visits[] = { 0, 2, 9 };
	uint32_t i, seed;
	size_t j;

	for (j = 0; j < sizeof(visits) / sizeof(visits[0]); j++) {
		for (i = 0; i < NR_WRITES; i++) {
			for (seed = 1; seed <= 2; seed++) {
				struct oracle o = make_write(i, content, ratio);
				double all;

				o.seed = seed * 7919;
				all = compressed(&o, visits[j], false);
				if (all < 0.95 * least || all > 1.05 * most)
					fail_msg("%.2f, not %.2f to %.2f", all,
						 least, most);
			}
		}
	}
}

static void ratios_are_kept(void **state)
{
	static const uint32_t ratios[] = { 1, 2, 3, 4, 5, 8, 16 };
	size_t i;

	for (i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++)
		check_ratio(ORACLE_CONTENT_RATIO, ratios[i], ratios[i],
			    ratios[i]);
}

/* Level 1 makes the GPL 2.5 times smaller, novels 2.2, logs 4 and more. */
static void text_is_like_text(void **state)
{
	struct oracle o = make(ORACLE_WRITE_PAGE, ORACLE_CONTENT_TEXT, 0);
	double page = compressed(&o, 3, true);

	print_message("# text: %.2f, by page: %.2f\n", compressed(&o, 3, false),
		      page);
	assert_true(page > 2.5 && page < 4);
	check_ratio(ORACLE_CONTENT_TEXT, 0, 2.9, 3.6);
}

/* Little but the stamps remains. */
static void constant_is_small(void **state)
{
	check_ratio(ORACLE_CONTENT_CONSTANT, 0, 40, 110);
}

/* Page by page the promise is looser: what is left of it, at least. */
static void ratios_by_page(void **state)
{
	static const struct {
		uint32_t ratio;
		double least;
	} cases[] = { { 2, 1.9 }, { 4, 3.7 }, { 8, 7.0 }, { 16, 12.5 } };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct oracle o = make(ORACLE_WRITE_STAMP, ORACLE_CONTENT_RATIO,
				       cases[i].ratio);
		double page = compressed(&o, 3, true);

		print_message("# r:%u by page: %.2f\n", cases[i].ratio, page);
		assert_true(page > cases[i].least);
		assert_true(page < 1.05 * cases[i].ratio);
	}
}

static void random_is_incompressible(void **state)
{
	struct oracle o = make(ORACLE_WRITE_STAMP, ORACLE_CONTENT_RANDOM, 0);

	assert_true(compressed(&o, 3, false) < 1.001);
	o.write = ORACLE_WRITE_PAGE;
	assert_true(compressed(&o, 3, false) < 1.001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_like_text),
		cmocka_unit_test(constant_is_small),
		cmocka_unit_test(ratios_are_kept),
		cmocka_unit_test(ratios_by_page),
		cmocka_unit_test(random_is_incompressible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
