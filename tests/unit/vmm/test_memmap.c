/* SPDX-License-Identifier: MIT */
/* The memory map: regions, transactions, stale views, readers, by hand. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "memmap_fixture.h"

/* A BAR over RAM cuts it in two; a container lets RAM through. */
static void test_overlap(void **state)
{
	struct fixture f;
	struct memmap_region *ram, *window, *bar;

	setup(&f, 1ull << 40);
	ram = region(&f, 1, MEMMAP_RAM, 0x10000);
	window = region(&f, 2, MEMMAP_CONTAINER, 0x8000);
	bar = region(&f, 3, MEMMAP_IO, 0x1000);
	assert_int_equal(memmap_add(&f.region[0], ram, 0, 0), 0);
	assert_int_equal(memmap_add(&f.region[0], window, 0x4000, 1), 0);
	assert_int_equal(f.seen.nr_ranges, 1);
	assert_int_equal(memmap_add(window, bar, 0x2000, 0), 0);
	assert_int_equal(f.seen.nr_ranges, 3);
	assert_ptr_equal(find(&f, 0x5fff)->region, ram);
	assert_ptr_equal(find(&f, 0x6000)->region, bar);
	assert_ptr_equal(find(&f, 0x7000)->region, ram);
	assert_int_equal(find(&f, 0x7000)->offset, 0x7000);
	assert_null(find(&f, 0x10000));
	/* Cut to its container. */
	assert_int_equal(memmap_set_offset(bar, 0x7800), 0);
	assert_int_equal(find(&f, 0xb800)->bytes, 0x800);
	assert_int_equal(memmap_set_enabled(window, false), 0);
	assert_int_equal(f.seen.nr_ranges, 1);
	teardown(&f);
}

static void test_refused(void **state)
{
	struct memmap_eventfd e = { .offset = 0x100, .bytes = 2, .fd = 3 };
	struct memmap_region *bar, *chain[MEMMAP_MAX_DEPTH + 1];
	struct fixture f;
	unsigned int i;

	setup(&f, 0x1000);
	bar = region(&f, 1, MEMMAP_IO, 0x200);
	assert_int_equal(memmap_region_init(&f.region[2], "r", MEMMAP_IO, 0, 0),
			 -EINVAL);
	assert_int_equal(memmap_region_init(&f.region[2], "r", MEMMAP_IO,
					    MEMMAP_MAX_BYTES + 1, 0),
			 -EINVAL);
	assert_int_equal(memmap_remove(bar), -EINVAL);
	assert_int_equal(memmap_remove(&f.region[0]), -EINVAL);
	assert_int_equal(memmap_set_offset(&f.region[0], 1), -EINVAL);
	assert_int_equal(memmap_add(bar, bar, 0, 0), -EINVAL);
	assert_int_equal(memmap_add(&f.region[0], bar, MEMMAP_MAX_BYTES, 0),
			 -EINVAL);
	assert_int_equal(memmap_add(&f.region[0], bar, 0, 0), 0);
	assert_int_equal(memmap_add(&f.region[0], bar, 0, 0), -EINVAL);
	assert_int_equal(memmap_add_eventfd(bar, &e), 0);
	assert_int_equal(memmap_add_eventfd(bar, &e), -EEXIST);
	e.offset = 0x1ff;
	assert_int_equal(memmap_add_eventfd(bar, &e), -EINVAL);
	e.offset = 0;
	assert_int_equal(memmap_remove_eventfd(bar, &e), -ENOENT);
	e.bytes = 3;
	assert_int_equal(memmap_add_eventfd(bar, &e), -EINVAL);
	e = (struct memmap_eventfd){ .bytes = 2, .value = 1, .fd = 3 };
	assert_int_equal(memmap_add_eventfd(bar, &e), -EINVAL);
	e = (struct memmap_eventfd){ .match = true, .fd = 3 };
	assert_int_equal(memmap_add_eventfd(bar, &e), -EINVAL);
	for (i = 0; i <= MEMMAP_MAX_DEPTH; i++) {
		chain[i] = calloc(1, sizeof(**chain));
		memmap_region_init(chain[i], "chain", MEMMAP_CONTAINER, 16, 0);
		if (i)
			assert_int_equal(
				memmap_add(chain[i - 1], chain[i], 0, 0),
				i < MEMMAP_MAX_DEPTH ? 0 : -EINVAL);
	}
	assert_int_equal(memmap_add(&f.region[0], chain[0], 0, 0), -EINVAL);
	for (i = 0; i <= MEMMAP_MAX_DEPTH; i++)
		free(chain[i]);
	teardown(&f);
}

/* Nothing is told before the outermost end, and then only the difference. */
static void test_transaction(void **state)
{
	struct memmap_eventfd e = { .offset = 4, .bytes = 2, .fd = 7 };
	struct memmap_stats stats;
	struct memmap_region *a, *b;
	struct fixture f;

	setup(&f, 0x1000);
	a = region(&f, 1, MEMMAP_IO, 0x100);
	b = region(&f, 2, MEMMAP_IO, 0x100);
	memmap_begin(f.map);
	memmap_begin(f.map);
	assert_int_equal(memmap_add(&f.region[0], a, 0, 0), 0);
	assert_int_equal(memmap_add(&f.region[0], b, 0x100, 0), 0);
	assert_int_equal(memmap_add_eventfd(b, &e), 0);
	assert_int_equal(memmap_commit(f.map), 0);
	assert_int_equal(f.seen.begins, 0);
	assert_int_equal(memmap_commit(f.map), 0);
	assert_int_equal(f.seen.begins, 1);
	assert_int_equal(f.seen.nr_ranges, 2);
	assert_int_equal(f.seen.nr_bells, 1);
	assert_int_equal(f.seen.bell[0].addr, 0x104);
	/* There and back again is no difference. */
	memmap_begin(f.map);
	memmap_set_enabled(a, false);
	memmap_set_enabled(a, true);
	memmap_remove_eventfd(b, &e);
	memmap_add_eventfd(b, &e);
	assert_int_equal(memmap_commit(f.map), 0);
	assert_int_equal(f.seen.begins, 1);
	assert_int_equal(f.seen.commits, 1);
	/* Another fd for the same write is one. */
	memmap_begin(f.map);
	memmap_remove_eventfd(b, &e);
	e.fd = 8;
	memmap_add_eventfd(b, &e);
	assert_int_equal(memmap_commit(f.map), 0);
	assert_int_equal(f.seen.bell[0].eventfd.fd, 8);
	f.seen.fail = -ENOSPC;
	assert_int_equal(memmap_set_offset(a, 0x400), -ENOSPC);
	assert_ptr_equal(find(&f, 0x400)->region, a);
	memmap_get_stats(f.map, &stats);
	assert_int_equal(stats.commits, 4);
	assert_int_equal(stats.bells_new, 2);
	assert_int_equal(stats.bells_gone, 1);
	teardown(&f);
}

static void on_stale(void *ctx, const char *space)
{
	assert_string_equal(space, "memory");
	(*(unsigned int *)ctx)++;
}

static void look(void *ctx)
{
	struct fixture *f = ctx;

	f->seen.fail = find(f, 0x10) ? 1 : 2;
}

static void test_stale_and_deferred(void **state)
{
	struct memmap_work work = { .run = look };
	unsigned int caught = 0;
	struct memmap_region *a;
	struct fixture f;

	setup(&f, 0x1000);
	work.ctx = &f;
	memmap_set_stale_hook(f.map, on_stale, &caught);
	a = region(&f, 1, MEMMAP_IO, 0x100);
	memmap_begin(f.map);
	assert_null(find(&f, 0x10));
	assert_int_equal(caught, 0);
	memmap_add(&f.region[0], a, 0, 0);
	assert_null(find(&f, 0x10));
	assert_int_equal(caught, 1);
	memmap_defer(f.map, &work);
	memmap_defer(f.map, &work);
	assert_int_equal(f.seen.fail, 0);
	memmap_commit(f.map);
	assert_int_equal(f.seen.fail, 1);
	assert_int_equal(caught, 1);
	memmap_remove(a);
	memmap_defer(f.map, &work);
	assert_int_equal(f.seen.fail, 2);
	teardown(&f);
}

/* ---- readers beside a writer -------------------------------------------- */

struct reading {
	struct fixture *f;
	atomic_bool stop;
	unsigned int torn;
	uint64_t looks;
};

/* Of two neighbours exactly one is there, in every view. */
static void *read_on(void *arg)
{
	struct reading *r = arg;

	while (!atomic_load(&r->stop)) {
		const struct memmap_view *view;
		bool a, b;

		memmap_read_lock();
		view = memmap_view(r->f->space);
		a = memmap_find(view, 0x10);
		b = memmap_find(view, 0x110);
		r->torn += a == b;
		r->looks++;
		memmap_read_unlock();
	}
	return NULL;
}

static void test_readers(void **state)
{
	struct memmap_region *a, *b;
	struct fixture f;
	struct reading r = { .f = &f };
	pthread_t thread;
	int i;

	setup(&f, 0x1000);
	a = region(&f, 1, MEMMAP_IO, 0x100);
	b = region(&f, 2, MEMMAP_IO, 0x100);
	memmap_add(&f.region[0], a, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, read_on, &r), 0);
	for (i = 0; i < 20000; i++) {
		memmap_begin(f.map);
		memmap_remove(i % 2 ? b : a);
		memmap_add(&f.region[0], i % 2 ? a : b, i % 2 ? 0 : 0x100, 0);
		memmap_commit(f.map);
	}
	memmap_wait_for_readers(f.map);
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(r.torn, 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_transaction),
		cmocka_unit_test(test_stale_and_deferred),
		cmocka_unit_test(test_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
