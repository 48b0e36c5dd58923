/* SPDX-License-Identifier: MIT */
/* The memory map: a million random changes beside a naive model. */
#include <errno.h>

#include "memmap_fixture.h"
#include "memmap_model.h"
#include "unit/random.h"

#define SPACE 96u

_Static_assert(MODEL_REGIONS == FIXTURE_REGIONS, "one for each");

struct both {
	struct fixture f;
	struct model model;
};

/* ---- random changes ----------------------------------------------------- */

static void model_setup(struct both *b)
{
	struct model *m = &b->model;
	unsigned int i;

	setup(&b->f, SPACE);
	for (i = 0; i < MODEL_REGIONS; i++)
		m->region[i] = (struct model_region){ .parent = MODEL_NONE };
	m->region[0] =
		(struct model_region){ true, true, MODEL_NONE, 0,	 SPACE,
				       0,    0,	   0,	       { { 0 } } };
}

static void make_region(struct both *b, struct rng *rng, unsigned int i)
{
	struct model_region *r = &b->model.region[i];
	enum memmap_kind kind = rng_below(rng, 3);

	if (r->bytes)
		return;
	r->bytes = 1 + rng_below(rng, SPACE / 2);
	r->container = kind == MEMMAP_CONTAINER;
	r->enabled = true;
	region(&b->f, i, kind, r->bytes);
}

static void do_tree(struct both *b, struct rng *rng, unsigned int i)
{
	struct model *m = &b->model;
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
		assert_int_equal(memmap_remove(&b->f.region[i]), 0);
		r->parent = MODEL_NONE;
		r->offset = 0;
		return;
	}
	if (!m->region[parent].bytes)
		return;
	r->priority = (int)rng_below(rng, 4) - 2;
	err = memmap_add(&b->f.region[parent], &b->f.region[i], offset,
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

static void do_bell(struct both *b, struct rng *rng, unsigned int i)
{
	struct model_region *r = &b->model.region[i];
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
		assert_int_equal(memmap_add_eventfd(&b->f.region[i], &e),
				 -EEXIST);
		assert_int_equal(memmap_remove_eventfd(&b->f.region[i], &e), 0);
		r->bell[n] = r->bell[--r->nr_bells];
		return;
	}
	assert_int_equal(memmap_remove_eventfd(&b->f.region[i], &e), -ENOENT);
	if (n == MODEL_BELLS)
		return;
	if (e.offset + (e.bytes ? e.bytes : 1) > r->bytes) {
		assert_int_equal(memmap_add_eventfd(&b->f.region[i], &e),
				 -EINVAL);
		return;
	}
	assert_int_equal(memmap_add_eventfd(&b->f.region[i], &e), 0);
	r->bell[r->nr_bells++] = (struct model_bell){ e.offset, e.bytes,
						      e.value, e.match, e.fd };
}

static void do_one(struct both *b, struct rng *rng)
{
	unsigned int i = 1 + rng_below(rng, MODEL_REGIONS - 1);
	struct model_region *r = &b->model.region[i];
	uint32_t offset = rng_below(rng, SPACE);

	make_region(b, rng, i);
	switch (rng_below(rng, 5)) {
	case 0:
		do_tree(b, rng, i);
		break;
	case 1:
		r->enabled = rng_below(rng, 4);
		assert_int_equal(
			memmap_set_enabled(&b->f.region[i], r->enabled), 0);
		break;
	case 2:
		if (r->parent == MODEL_NONE)
			break;
		r->offset = offset;
		assert_int_equal(memmap_set_offset(&b->f.region[i], offset), 0);
		break;
	default:
		do_bell(b, rng, i);
	}
}

/* The view, and what the listener knows, say the same as the model. */
static void check_ranges(struct both *b, const struct memmap_view *view)
{
	uint32_t addr, offset;
	unsigned int i, known = 0;
	uint64_t end = 0;

	for (i = 0; i < view->nr_ranges; i++) {
		const struct memmap_range *range = &view->ranges[i];
		unsigned int n = 0;

		assert_true(range->bytes && range->addr >= end);
		end = range->addr + range->bytes;
		while (n < b->f.seen.nr_ranges &&
		       memcmp(range, &b->f.seen.range[n], sizeof(*range)))
			n++;
		known += n < b->f.seen.nr_ranges;
	}
	assert_int_equal(known, view->nr_ranges);
	assert_int_equal(known, b->f.seen.nr_ranges);
	for (addr = 0; addr < SPACE; addr++) {
		const struct memmap_range *range = memmap_find(view, addr);
		unsigned int owner = model_owner(&b->model, addr, &offset);

		if (owner == MODEL_NONE) {
			assert_null(range);
			continue;
		}
		assert_non_null(range);
		assert_ptr_equal(range->region, &b->f.region[owner]);
		assert_int_equal(range->offset + addr - range->addr, offset);
	}
}

static void check_bells(struct both *b, const struct memmap_view *view)
{
	unsigned int r, n, i, expected = 0, listed = 0;
	uint32_t addr;

	for (r = 0; r < MODEL_REGIONS; r++) {
		for (n = 0; n < b->model.region[r].nr_bells; n++) {
			struct model_bell *mb = &b->model.region[r].bell[n];
			struct memmap_bell bell = {
				.eventfd = { mb->offset, mb->value, mb->bytes,
					     mb->match, mb->fd },
			};

			if (!model_bell_addr(&b->model, r, n, &addr))
				continue;
			bell.addr = addr;
			expected++;
			for (i = 0; i < view->nr_bells; i++)
				listed += same_bell(&bell, &view->bells[i]);
			for (i = 0; i < b->f.seen.nr_bells; i++)
				listed += same_bell(&bell, &b->f.seen.bell[i]);
		}
	}
	assert_int_equal(view->nr_bells, expected);
	assert_int_equal(b->f.seen.nr_bells, expected);
	assert_int_equal(listed, 2 * expected);
}

static void test_random(void **state)
{
	unsigned int left = 1000000;
	uint64_t ranges = 0, bells = 0;
	struct rng rng = { 8 };
	struct both b;

	model_setup(&b);
	while (left) {
		unsigned int turn = 1 + rng_below(&rng, 8), i;

		turn = turn > left ? left : turn;
		left -= turn;
		memmap_begin(b.f.map);
		for (i = 0; i < turn; i++)
			do_one(&b, &rng);
		assert_int_equal(memmap_commit(b.f.map), 0);
		/* No lock: nobody else changes it, and a check that fails
		 * would keep it. */
		check_ranges(&b, memmap_view(b.f.space));
		check_bells(&b, memmap_view(b.f.space));
		ranges += b.f.seen.nr_ranges;
		bells += b.f.seen.nr_bells;
	}
	/* It was about something: a transaction is 4.5 changes. */
	assert_true(ranges > 3 * 1000000 / 4.5);
	assert_true(bells > 1 * 1000000 / 4.5);
	teardown(&b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
