/* SPDX-License-Identifier: MIT */
/* The dirty log against an array of pages; ranges that are refused. */
#include "vfio/device_log.h"

#include <errno.h>
#include <string.h>

#include "base/bitmap.h"
#include "unit/random.h"
#include "unit/unit.h"

#define NR_PAGES 200000u

static void test_refused(void **state)
{
	static const struct {
		uint64_t page_size;
		uint32_t nr;
		struct mig_logging_range r[2];
		int rc;
	} rows[] = {
		{ 4096, 0, { { 0, 0 } }, 0 },
		{ 4096, 2, { { 0, 4096 }, { 4096, 4096 } }, 0 },
		{ 1 << 21, 1, { { 4096, 4096 } }, 0 },
		{ 4096, 2, { { 0, 8192 }, { 4096, 4096 } }, -EINVAL },
		{ 4096, 2, { { 4096, 4096 }, { 0, 8192 } }, -EINVAL },
		{ 4096, 1, { { 0, 0 } }, -EINVAL },
		{ 4096, 1, { { 1, 4096 } }, -EINVAL },
		{ 4096, 1, { { 0, 4095 } }, -EINVAL },
		{ 4096, 1, { { UINT64_MAX - 4095, 8192 } }, -EOVERFLOW },
		{ 0, 1, { { 0, 4096 } }, -EINVAL },
		{ 2048, 1, { { 0, 4096 } }, -EINVAL },
		{ 5000, 1, { { 0, 4096 } }, -EINVAL },
		{ 4096, MIG_LOGGING_MAX_RANGES + 1, { { 0, 0 } }, -E2BIG },
	};
	struct dma_log log = { .active = false };
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(dma_log_start(&log, rows[i].page_size,
					       rows[i].r, rows[i].nr),
				 rows[i].rc);
		assert_int_equal(log.active, !rows[i].rc);
		if (log.active)
			assert_int_equal(dma_log_start(&log, 4096, NULL, 0),
					 -EINVAL);
		dma_log_stop(&log);
	}
}

static void test_bitmap_bytes(void **state)
{
	static const struct {
		struct mig_logging_report r;
		int rc;
		uint64_t bytes;
	} rows[] = {
		{ { 0, 4096, 4096, 0 }, 0, 8 },
		{ { 0, 64 * 4096, 4096, 0 }, 0, 8 },
		{ { 0, 64 * 4096 + 1, 4096, 0 }, 0, 16 },
		{ { 4096, 1, 1ull << 40, 0 }, 0, 8 },
		{ { 0, UINT64_MAX, 4096, 0 }, 0, 1ull << 49 },
		{ { 0, 0, 4096, 0 }, -EINVAL, 0 },
		{ { 1, 4096, 4096, 0 }, -EINVAL, 0 },
		{ { 0, 4096, 4095, 0 }, -EINVAL, 0 },
		{ { 0, 4096, 0, 0 }, -EINVAL, 0 },
		{ { 8192, UINT64_MAX - 4096, 4096, 0 }, -EOVERFLOW, 0 },
	};
	uint64_t bytes;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		bytes = 0;
		assert_int_equal(dma_log_bitmap_bytes(&rows[i].r, &bytes),
				 rows[i].rc);
		assert_int_equal(bytes, rows[i].bytes);
	}
}

/* Random writes, random reports: a bit is set if and only if the model's is. */
static void test_model(void **state)
{
	static uint64_t map[BITMAP_WORDS(NR_PAGES)];
	static bool model[NR_PAGES];
	const struct mig_logging_range range = { 100 * 4096ull,
						 190000 * 4096ull };
	struct dma_log log = { .active = false };
	struct rng rng = { 7 };
	uint64_t i, first, nr, page;
	int round;

	assert_int_equal(dma_log_start(&log, 4096, &range, 1), 0);
	for (round = 0; round < 200; round++) {
		for (i = 0; i < 50; i++) {
			page = rng_below(&rng, NR_PAGES - 1);
			dma_log_mark(&log, page * 4096 + 4000, 200);
			for (nr = 0; nr < 2; nr++)
				if (page + nr >= 100 && page + nr < 190100)
					model[page + nr] = true;
		}
		first = rng_below(&rng, NR_PAGES);
		nr = 1 + rng_below(&rng, NR_PAGES - first);
		struct mig_logging_report r = { first * 4096, nr * 4096, 4096,
						0 };
		memset(map, 0, sizeof(map));
		assert_int_equal(dma_log_report(&log, &r, map, false), 0);
		for (i = 0; i < nr; i++) {
			assert_int_equal(bitmap_test(map, i), model[first + i]);
			model[first + i] = false;
		}
	}
	dma_log_stop(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bitmap_bytes),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
