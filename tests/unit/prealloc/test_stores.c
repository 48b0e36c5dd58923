/* SPDX-License-Identifier: MIT */
/*
 * Does a store that somebody makes while memory is preallocated survive?
 *
 * A writer stores to shared memory and looks, one round later, whether its
 * store is still there. The old way of touching, read and write back, must be
 * seen losing some: else this test shows nothing.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/backing.h"
#include "base/clock.h"
#include "prealloc/prealloc.h"
#include "unit/unit.h"

#define KIB4 4096ull
#define NR_PAGES 64u
/* Touch and writer meet at each of these. */
#define STEP 64u
#define NR_CELLS (NR_PAGES * KIB4 / STEP)
#define NR_RUNS 10u

struct writer {
	uint8_t *base;
	atomic_bool stop;
	uint64_t nr_stores, nr_lost;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;
	uint8_t value = 0, *at;
	unsigned int i;

	while (!w->stop) {
		value++;
		for (i = 0; i < NR_CELLS; i++) {
			at = w->base + (uint64_t)i * STEP;
			if (__atomic_load_n(at, __ATOMIC_RELAXED) !=
			    (uint8_t)(value - 1))
				w->nr_lost++;
			__atomic_store_n(at, value, __ATOMIC_RELAXED);
		}
		w->nr_stores += NR_CELLS;
	}
	return NULL;
}

/* Preallocates @nr times under the writer; stops early at a lost store. */
static struct writer meet(const struct prealloc_config *c, unsigned int nr)
{
	const struct backing_params p = { .kind = BACKING_MEMFD,
					  .bytes = NR_PAGES * KIB4,
					  .page_bytes = KIB4,
					  .name = "test" };
	struct backing b;
	struct prealloc_range range = { .bytes = p.bytes,
					.page_bytes = KIB4,
					.touch_bytes = STEP };
	struct writer w = { .stop = false };
	struct prealloc_result r;
	pthread_t thread;

	assert_int_equal(backing_create(&p, &b, NULL), 0);
	range.base = w.base = b.base;
	range.fd = b.fd;
	assert_int_equal(pthread_create(&thread, NULL, write_on, &w), 0);
	while (nr--) {
		assert_int_equal(prealloc_run(c, &range, &r, NULL), 0);
		prealloc_result_exit(&r);
	}
	w.stop = true;
	pthread_join(thread, NULL);
	backing_destroy(&b);
	return w;
}

static void test_none_lost(void **state)
{
	static const struct prealloc_config rows[] = {
		{ .method = PREALLOC_SERIAL },
		{ .method = PREALLOC_SPLIT, .nr_threads = 2 },
		{ .method = PREALLOC_EVEN, .nr_threads = 2 },
		{ .method = PREALLOC_POPULATE, .nr_threads = 2 },
		{ .method = PREALLOC_BEST, .nr_threads = 2 },
		{ .method = PREALLOC_BEST,
		  .nr_threads = 2,
		  .no_populate = true },
	};
	unsigned int run;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		for (run = 0; run < NR_RUNS; run++) {
			struct writer w = meet(&rows[i], 40);

			if (w.nr_lost)
				fail_msg("row %zu: %llu of %llu stores lost", i,
					 (unsigned long long)w.nr_lost,
					 (unsigned long long)w.nr_stores);
		}
}

static void test_before_loses(void **state)
{
	const struct prealloc_config before = { .method = PREALLOC_SERIAL,
						.rewrite = true };
	uint64_t end_ns = clock_now_ns() + 10 * NSEC_PER_SEC;
	struct writer w = { .stop = false };

#if defined(__SANITIZE_THREAD__)
	skip(); /* it is a data race: that is the point */
#endif
	do
		w = meet(&before, 200);
	while (!w.nr_lost && clock_now_ns() < end_ns);
	/* Where the two never run at once (one CPU, valgrind). */
	if (!w.nr_lost)
		skip();
	print_message("# %llu of %llu stores lost\n",
		      (unsigned long long)w.nr_lost,
		      (unsigned long long)w.nr_stores);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_lost),
		cmocka_unit_test(test_before_loses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
