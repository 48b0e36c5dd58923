/* SPDX-License-Identifier: MIT */
/* The memory map: by hand, and a million random changes beside a model. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "memmap_model.h"
#include "unit/random.h"
#include "unit/unit.h"
#include "vmm/memmap.h"

#define SPACE 96u
#define MAX_SEEN 512u

/* What a listener knows from what it was told. */
struct seen {
	struct memmap_range range[MAX_SEEN];
	struct memmap_bell bell[MAX_SEEN];
	unsigned int nr_ranges, nr_bells, begins, commits;
	int fail; /* what range() returns from now on */
};

static void on_begin(void *ctx)
{
	((struct seen *)ctx)->begins++;
}

static int on_commit(void *ctx)
{
	((struct seen *)ctx)->commits++;
	return 0;
}

static int on_range(void *ctx, enum memmap_change change,
		    const struct memmap_range *range)
{
	struct seen *s = ctx;
	unsigned int i;

	if (change == MEMMAP_NEW) {
		assert_true(s->nr_ranges < MAX_SEEN);
		s->range[s->nr_ranges++] = *range;
		return s->fail;
	}
	for (i = 0; i < s->nr_ranges; i++)
		if (!memcmp(&s->range[i], range, sizeof(*range)))
			break;
	assert_true(i < s->nr_ranges);
	s->range[i] = s->range[--s->nr_ranges];
	return s->fail;
}

static bool same_bell(const struct memmap_bell *a, const struct memmap_bell *b)
{
	return a->addr == b->addr && a->eventfd.bytes == b->eventfd.bytes &&
	       a->eventfd.match == b->eventfd.match &&
	       a->eventfd.value == b->eventfd.value &&
	       a->eventfd.fd == b->eventfd.fd;
}

static int on_bell(void *ctx, enum memmap_change change,
		   const struct memmap_bell *bell)
{
	struct seen *s = ctx;
	unsigned int i;

	if (change == MEMMAP_NEW) {
		assert_true(s->nr_bells < MAX_SEEN);
		s->bell[s->nr_bells++] = *bell;
		return 0;
	}
	for (i = 0; i < s->nr_bells; i++)
		if (same_bell(&s->bell[i], bell))
			break;
	assert_true(i < s->nr_bells);
	s->bell[i] = s->bell[--s->nr_bells];
	return 0;
}

struct fixture {
	struct memmap *map;
	struct memmap_space *space;
	struct memmap_region region[MODEL_REGIONS];
	struct seen seen;
	struct model model;
};

static void setup(struct fixture *f, uint64_t bytes)
{
	struct memmap_listener listener = { &f->seen, on_begin, on_range,
					    on_bell, on_commit };

	memset(f, 0, sizeof(*f));
	assert_int_equal(memmap_create(&f->map), 0);
	assert_int_equal(memmap_region_init(&f->region[0], "root",
					    MEMMAP_CONTAINER, bytes, f),
			 0);
	assert_int_equal(memmap_add_space(f->map, "memory", &f->region[0],
					  &listener, &f->space),
			 0);
}

static void teardown(struct fixture *f)
{
	unsigned int i;

	memmap_destroy(f->map);
	for (i = 0; i < MODEL_REGIONS; i++)
		memmap_region_fini(&f->region[i]);
}

static struct memmap_region *region(struct fixture *f, unsigned int i,
				    enum memmap_kind kind, uint64_t bytes)
{
	assert_int_equal(
		memmap_region_init(&f->region[i], "region", kind, bytes, NULL),
		0);
	return &f->region[i];
}

static const struct memmap_range *find(struct fixture *f, uint64_t addr)
{
	const struct memmap_range *range;

	memmap_read_lock();
	range = memmap_find(memmap_view(f->space), addr);
	memmap_read_unlock();
	return range;
}

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

/* ---- random changes ----------------------------------------------------- */

static void model_setup(struct fixture *f)
{
	struct model *m = &f->model;
	unsigned int i;

	setup(f, SPACE);
	for (i = 0; i < MODEL_REGIONS; i++)
		m->region[i] = (struct model_region){ .parent = MODEL_NONE };
	m->region[0] =
		(struct model_region){ true, true, MODEL_NONE, 0,	 SPACE,
				       0,    0,	   0,	       { { 0 } } };
}

static void make_region(struct fixture *f, struct rng *rng, unsigned int i)
{
	struct model_region *r = &f->model.region[i];
	enum memmap_kind kind = rng_below(rng, 3);

	if (r->bytes)
		return;
	r->bytes = 1 + rng_below(rng, SPACE / 2);
	r->container = kind == MEMMAP_CONTAINER;
	r->enabled = true;
	region(f, i, kind, r->bytes);
}

static void do_tree(struct fixture *f, struct rng *rng, unsigned int i)
{
	struct model *m = &f->model;
	struct model_region *r = &m->region[i];
	unsigned int parent = rng_below(rng, 2) * rng_below(rng, MODEL_REGIONS);
	uint32_t offset = rng_below(rng, SPACE);
	bool may =
		m->region[parent].bytes && !model_is_above(m, i, parent) &&
		model_depth(m, parent) + model_height(m, i) <= MEMMAP_MAX_DEPTH;
	int err;

	if (r->parent != MODEL_NONE && rng_below(rng, 4))
		return;
	if (r->parent != MODEL_NONE) {
		assert_int_equal(memmap_remove(&f->region[i]), 0);
		r->parent = MODEL_NONE;
		r->offset = 0;
		return;
	}
	if (!m->region[parent].bytes)
		return;
	r->priority = (int)rng_below(rng, 4) - 2;
	err = memmap_add(&f->region[parent], &f->region[i], offset,
			 r->priority);
	assert_int_equal(err, may ? 0 : -EINVAL);
	if (err)
		return;
	r->parent = parent;
	r->offset = offset;
	r->serial = ++m->serial;
}

static bool bell_is(const struct model_bell *b, const struct memmap_eventfd *e)
{
	return b->offset == e->offset && b->bytes == e->bytes &&
	       b->match == e->match && b->value == e->value;
}

static void do_bell(struct fixture *f, struct rng *rng, unsigned int i)
{
	struct model_region *r = &f->model.region[i];
	struct memmap_eventfd e = {
		.offset = rng_below(rng, r->bytes),
		.bytes = (1u << rng_below(rng, 5)) >> 1,
		.fd = (int)rng_below(rng, 3),
	};
	unsigned int n;

	e.match = e.bytes && rng_below(rng, 2);
	e.value = e.match ? rng_below(rng, 2) : 0;
	for (n = 0; n < r->nr_bells && !bell_is(&r->bell[n], &e);)
		n++;
	if (n < r->nr_bells) {
		assert_int_equal(memmap_add_eventfd(&f->region[i], &e),
				 -EEXIST);
		assert_int_equal(memmap_remove_eventfd(&f->region[i], &e), 0);
		r->bell[n] = r->bell[--r->nr_bells];
		return;
	}
	assert_int_equal(memmap_remove_eventfd(&f->region[i], &e), -ENOENT);
	if (n == MODEL_BELLS)
		return;
	if (e.offset + (e.bytes ? e.bytes : 1) > r->bytes) {
		assert_int_equal(memmap_add_eventfd(&f->region[i], &e),
				 -EINVAL);
		return;
	}
	assert_int_equal(memmap_add_eventfd(&f->region[i], &e), 0);
	r->bell[r->nr_bells++] = (struct model_bell){ e.offset, e.bytes,
						      e.value, e.match, e.fd };
}

static void do_one(struct fixture *f, struct rng *rng)
{
	unsigned int i = 1 + rng_below(rng, MODEL_REGIONS - 1);
	struct model_region *r = &f->model.region[i];
	uint32_t offset = rng_below(rng, SPACE);

	make_region(f, rng, i);
	switch (rng_below(rng, 5)) {
	case 0:
		do_tree(f, rng, i);
		break;
	case 1:
		r->enabled = rng_below(rng, 4);
		assert_int_equal(memmap_set_enabled(&f->region[i], r->enabled),
				 0);
		break;
	case 2:
		if (r->parent == MODEL_NONE)
			break;
		r->offset = offset;
		assert_int_equal(memmap_set_offset(&f->region[i], offset), 0);
		break;
	default:
		do_bell(f, rng, i);
	}
}

/* The view, and what the listener knows, say the same as the model. */
static void check_ranges(struct fixture *f, const struct memmap_view *view)
{
	uint32_t addr, offset;
	unsigned int i, known = 0;
	uint64_t end = 0;

	for (i = 0; i < view->nr_ranges; i++) {
		const struct memmap_range *range = &view->ranges[i];
		unsigned int n = 0;

		assert_true(range->bytes && range->addr >= end);
		end = range->addr + range->bytes;
		while (n < f->seen.nr_ranges &&
		       memcmp(range, &f->seen.range[n], sizeof(*range)))
			n++;
		known += n < f->seen.nr_ranges;
	}
	assert_int_equal(known, view->nr_ranges);
	assert_int_equal(known, f->seen.nr_ranges);
	for (addr = 0; addr < SPACE; addr++) {
		const struct memmap_range *range = memmap_find(view, addr);
		unsigned int owner = model_owner(&f->model, addr, &offset);

		if (owner == MODEL_NONE) {
			assert_null(range);
			continue;
		}
		assert_non_null(range);
		assert_ptr_equal(range->region, &f->region[owner]);
		assert_int_equal(range->offset + addr - range->addr, offset);
	}
}

static void check_bells(struct fixture *f, const struct memmap_view *view)
{
	unsigned int r, n, i, expected = 0, listed = 0;
	uint32_t addr;

	for (r = 0; r < MODEL_REGIONS; r++) {
		for (n = 0; n < f->model.region[r].nr_bells; n++) {
			struct model_bell *b = &f->model.region[r].bell[n];
			struct memmap_bell bell = {
				.eventfd = { b->offset, b->value, b->bytes,
					     b->match, b->fd },
			};

			if (!model_bell_addr(&f->model, r, n, &addr))
				continue;
			bell.addr = addr;
			expected++;
			for (i = 0; i < view->nr_bells; i++)
				listed += same_bell(&bell, &view->bells[i]);
			for (i = 0; i < f->seen.nr_bells; i++)
				listed += same_bell(&bell, &f->seen.bell[i]);
		}
	}
	assert_int_equal(view->nr_bells, expected);
	assert_int_equal(f->seen.nr_bells, expected);
	assert_int_equal(listed, 2 * expected);
}

static void test_random(void **state)
{
	unsigned int left = 1000000;
	uint64_t ranges = 0, bells = 0;
	struct rng rng = { 8 };
	struct fixture f;

	model_setup(&f);
	while (left) {
		unsigned int turn = 1 + rng_below(&rng, 8), i;

		turn = turn > left ? left : turn;
		left -= turn;
		memmap_begin(f.map);
		for (i = 0; i < turn; i++)
			do_one(&f, &rng);
		assert_int_equal(memmap_commit(f.map), 0);
		/* No lock: nobody else changes it, and a check that fails
		 * would keep it. */
		check_ranges(&f, memmap_view(f.space));
		check_bells(&f, memmap_view(f.space));
		ranges += f.seen.nr_ranges;
		bells += f.seen.nr_bells;
	}
	/* It was about something: a transaction is 4.5 changes. */
	assert_true(ranges > 3 * 1000000 / 4.5);
	assert_true(bells > 1 * 1000000 / 4.5);
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
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
