/* SPDX-License-Identifier: MIT */
/* Compressing workers that have no room: requests, and results that are held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "migrate/compress.h"

/* A request of 16 pages, that gets smaller. */
static uint8_t ram[16 * 4096];

static struct compress_params params(void)
{
	return (struct compress_params){
		.codec = codec_by_name("zlib"),
		.level = 1,
		.nr_threads = 2,
		.wait = true,
		.max_pages = 1,
		.spin_ns = COMPRESS_SPIN_AUTO,
	};
}

/* With no room and no wait the submitter is told so, and nothing is lost. */
static void test_busy(void **state)
{
	struct compress_params p = params();
	struct compress_stats s;
	struct compress *c;
	unsigned int engine, i, busy;

	for (engine = 0; engine < COMPRESS_NR_ENGINES; engine++) {
		p.engine = engine;
		p.nr_threads = 1;
		p.wait = false;
		p.max_pages = 16;
		p.level = 9;
		assert_int_equal(compress_create(&p, &c, NULL), 0);
		for (i = 0, busy = 0; !busy; i = (i + 1) % 16) {
			struct compress_job job = { .tag = i,
						    .pages = ram,
						    .nr_pages = 16 };
			bool full = compress_busy(c);
			int rc = compress_submit(c, &job);
			struct compress_result r;

			/* What is free stays free: nobody else takes it. */
			if (p.engine == COMPRESS_RING && !full)
				assert_int_equal(rc, 0);
			assert_true(!rc || rc == -EBUSY);
			busy += rc == -EBUSY;
			while (compress_collect(c, &r, false))
				compress_release(c, &r);
		}
		compress_get_stats(c, &s);
		assert_int_equal(s.busy_pages, 16);
		assert_int_equal(s.submitted_pages, s.submitted * 16);
		/* What is under way is dropped. */
		compress_destroy(c);
	}
}

/* Who holds what he was given, is told to give it back. */
static void test_held(void **state)
{
	struct compress_params p = params();
	struct compress_result held[64];
	unsigned int engine, nr, i;
	struct compress *c;
	int rc = 0;

	for (engine = 0; engine < COMPRESS_NR_ENGINES; engine++) {
		p.engine = engine;
		p.capacity = 4;
		p.max_held = 8;
		assert_int_equal(compress_create(&p, &c, NULL), 0);
		for (nr = 0, i = 0; i < 64; i++) {
			struct compress_job job = { .tag = i,
						    .pages = ram,
						    .nr_pages = 1 };

			rc = compress_submit(c, &job);
			if (rc)
				break;
			while (compress_collect(c, &held[nr], false))
				nr++;
		}
		while (compress_collect(c, &held[nr], true))
			nr++;
		assert_int_equal(rc, -EAGAIN);
		assert_in_range(nr, 9, 63);
		for (i = 0; i < nr; i++) {
			assert_non_null(held[i].packed);
			assert_int_equal(held[i].packed_bytes,
					 held[0].packed_bytes);
			assert_memory_equal(held[i].packed, held[0].packed,
					    held[0].packed_bytes);
			compress_release(c, &held[i]);
		}
		rc = compress_submit(c, &(struct compress_job){
						.pages = ram, .nr_pages = 1 });
		assert_int_equal(rc, 0);
		compress_destroy(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_held),
	};
	size_t i;

	for (i = 0; i < sizeof(ram); i++)
		ram[i] = (uint8_t)(i % 4096 < 500 ? i * i >> 3 : 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
