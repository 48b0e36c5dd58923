/* SPDX-License-Identifier: MIT */
/* Are exactly the pages dropped that are stale on the target because of it? */
#include "machine/skip_dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "classify.h"
#include "control.h"
#include "unit/unit.h"

#define RAM_BYTES (16ull << 20)
#define RAM_PAGES (RAM_BYTES / ABI_PAGE_BYTES)
#define NR_VCPUS 2u

/* A machine whose workload runs step by step, and what a target has of it. */
struct world {
	struct guestmem mem, target;
	struct abi_control *control;
	struct abi_vcpu *vcpu;
	struct oracle o;
	uint64_t dirty[BITMAP_WORDS(RAM_PAGES)];
	struct oracle_cursor cursor[NR_VCPUS];
};

static void *page_of(struct guestmem *mem, uint64_t gfn)
{
	void *page = guestmem_at(mem, gfn * ABI_PAGE_BYTES, ABI_PAGE_BYTES);

	assert_non_null(page);
	return page;
}

static void write_visit(struct world *w, uint64_t index, uint64_t visit)
{
	uint64_t gfn = oracle_gfn(&w->o, index);

	oracle_write_visit(&w->o, gfn, visit, page_of(&w->mem, gfn));
	bitmap_set(w->dirty, gfn);
}

static void steps(struct world *w, unsigned int nr)
{
	uint64_t index, visit;
	unsigned int v;

	while (nr--)
		for (v = 0; v < NR_VCPUS; v++) {
			index = oracle_cursor_next(&w->cursor[v], &w->o,
						   &visit);
			write_visit(w, index, visit);
			w->vcpu[v].steps++;
		}
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, ABI_PAGE_BYTES - 1);
}

/* What the engine does in a round: all dirty pages go to the target. */
static void send_round(struct world *w, struct skip_dirty *s)
{
	uint64_t gfn;

	for (gfn = 0; gfn < RAM_PAGES; gfn++) {
		const uint8_t *page = page_of(&w->mem, gfn);

		if (!bitmap_test(w->dirty, gfn))
			continue;
		bitmap_clear(w->dirty, gfn);
		memcpy(page_of(&w->target, gfn), page, ABI_PAGE_BYTES);
		if (s)
			skip_dirty_page_sent(s, gfn,
					     is_zero(page) ? NULL : page);
	}
}

static struct world *world_create(uint32_t content)
{
	struct world *w = calloc(1, sizeof(*w));
	uint64_t bytes = abi_control_bytes(NR_VCPUS), i;
	struct guestmem_params params = { .ram_bytes = RAM_BYTES,
					  .backing = BACKING_ANON,
					  .control_bytes = bytes };
	unsigned int v;

	assert_non_null(w);
	assert_int_equal(guestmem_init(&w->mem, &params, NULL), 0);
	params.control_bytes = 0;
	assert_int_equal(guestmem_init(&w->target, &params, NULL), 0);
	w->o = (struct oracle){
		.seed = 11,
		.epoch = 1,
		.nr_vcpus = NR_VCPUS,
		.nr_orders = 1,
		.order[0].pattern = ORACLE_RANDOM,
		.write = ORACLE_WRITE_STAMP,
		.content = content,
		.nr_pages = 331,
		.nr_ranges = 2,
		.range = { { .gfn = 0x300, .nr_pages = 131 },
			   { .gfn = 0x800, .nr_pages = 200 } },
	};
	w->control = (void *)guestmem_region(&w->mem, "control")->hva;
	w->control->magic = ABI_CONTROL_MAGIC;
	w->control->version = ABI_VERSION;
	w->control->nr_vcpus = NR_VCPUS;
	w->control->vcpu_offset = ABI_PAGE_BYTES;
	w->control->log_offset = (uint32_t)(bytes - ABI_PAGE_BYTES);
	w->control->epoch = w->o;
	w->vcpu = (void *)((uint8_t *)w->control + ABI_PAGE_BYTES);
	for (v = 0; v < NR_VCPUS; v++)
		oracle_cursor_seek(&w->cursor[v], &w->o, v, NULL, 0);
	for (i = 0; i < w->o.nr_pages; i++)
		write_visit(w, i, 0);
	return w;
}

static void world_destroy(struct world *w)
{
	guestmem_exit(&w->mem);
	guestmem_exit(&w->target);
	free(w);
}

static struct skip_dirty *create(struct world *w, uint64_t count, uint64_t seed)
{
	struct skip_dirty *s;

	assert_int_equal(skip_dirty_create(&w->mem, count, seed, false, &s), 0);
	return s;
}

static bool listed(json_t *list, uint64_t gfn)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if ((uint64_t)json_integer_value(item) == gfn)
			return true;
	return false;
}

/* The verdict on a page of the target after the last round. */
static enum oracle_class verdict(struct world *w, uint64_t index)
{
	static uint8_t scratch[2 * ABI_PAGE_BYTES] __attribute__((aligned(64)));
	uint64_t gfn = oracle_gfn(&w->o, index);
	uint32_t v = oracle_owner(&w->o, index);
	struct oracle_history history;
	struct oracle_finding finding;

	oracle_history_init(&history, &w->o, v, NULL, w->vcpu[v].steps);
	oracle_classify(&w->o, gfn, oracle_history_visit(&history, index),
			page_of(&w->target, gfn), scratch, &finding);
	return finding.kind;
}

static bool in_flight(struct world *w, uint64_t index)
{
	uint32_t v = oracle_owner(&w->o, index);
	struct oracle_history history;
	uint64_t next;

	oracle_history_init(&history, &w->o, v, NULL, w->vcpu[v].steps);
	return oracle_history_next(&history, &next) == index;
}

/* Two rounds, then the last collection, with @count pages dropped. */
static json_t *migrate(struct world *w, uint64_t count, uint64_t seed)
{
	struct skip_dirty *s = create(w, count, seed);
	json_t *list;

	send_round(w, s);
	steps(w, 400);
	send_round(w, s);
	steps(w, 60);
	skip_dirty_final(s, 0, w->dirty);
	list = skip_dirty_gfns(s);
	send_round(w, s);
	skip_dirty_destroy(s);
	return list;
}

static void check(struct world *w, json_t *list, size_t count)
{
	uint64_t i;

	assert_int_equal(json_array_size(list), count);
	for (i = 0; i < w->o.nr_pages; i++) {
		bool dropped = listed(list, oracle_gfn(&w->o, i));
		enum oracle_class kind = verdict(w, i);

		if (kind != (dropped ? ORACLE_STALE : ORACLE_OK))
			fail_msg("index %lu is %s, %sdropped", i,
				 oracle_class_name(kind),
				 dropped ? "" : "not ");
		assert_false(dropped && in_flight(w, i));
	}
}

static void test_exactly_these(void **state)
{
	static const uint32_t contents[] = { ORACLE_CONTENT_RANDOM,
					     ORACLE_CONTENT_ZERO };
	static const size_t counts[] = { 1, 5, 40 };
	size_t c, n;

	for (c = 0; c < ARRAY_LEN(contents); c++)
		for (n = 0; n < ARRAY_LEN(counts); n++) {
			struct world *w = world_create(contents[c]);
			json_t *list = migrate(w, counts[n], 3 + n);

			check(w, list, counts[n]);
			json_decref(list);
			world_destroy(w);
		}
}

static void test_never_more_than_there_are(void **state)
{
	struct world *w = world_create(ORACLE_CONTENT_RANDOM);
	json_t *list = migrate(w, 100000, 1);
	size_t nr = json_array_size(list);

	/* 120 pages were rewritten; all but what is in flight qualify. */
	assert_in_range(nr, 110, 120);
	check(w, list, nr);
	json_decref(list);
	world_destroy(w);
}

static bool next_is_dirty(struct world *w)
{
	uint64_t i;

	for (i = 0; i < w->o.nr_pages; i++)
		if (in_flight(w, i) &&
		    bitmap_test(w->dirty, oracle_gfn(&w->o, i)))
			return true;
	return false;
}

/* The page that a vCPU may be writing right now is no honest loss: it is
 * dropped never, be it dirty and all. */
static void test_in_flight_is_spared(void **state)
{
	struct world *w = world_create(ORACLE_CONTENT_RANDOM);
	struct skip_dirty *s = create(w, 100000, 1);
	json_t *list;

	steps(w, 100);
	send_round(w, s);
	/* Until the next page is among those rewritten since. */
	do {
		steps(w, 1);
	} while (!next_is_dirty(w));
	skip_dirty_final(s, 0, w->dirty);
	list = skip_dirty_gfns(s);
	send_round(w, NULL);
	check(w, list, json_array_size(list));
	json_decref(list);
	skip_dirty_destroy(s);
	world_destroy(w);
}

static void test_seed_decides(void **state)
{
	json_t *list[4];
	size_t i;

	for (i = 0; i < ARRAY_LEN(list); i++) {
		struct world *w = world_create(ORACLE_CONTENT_RANDOM);

		list[i] = migrate(w, 3, i < 2 ? 6 : 4 + i);
		world_destroy(w);
	}
	/* Seeds 6, 6, 6, 7: neighbours differ, equals don't. */
	assert_true(json_equal(list[0], list[1]));
	assert_true(json_equal(list[0], list[2]));
	assert_false(json_equal(list[0], list[3]));
	for (i = 0; i < ARRAY_LEN(list); i++)
		json_decref(list[i]);
}

static void test_nothing_qualifies(void **state)
{
	struct world *w = world_create(ORACLE_CONTENT_RANDOM);
	struct skip_dirty *s = create(w, 5, 1);
	uint64_t before[BITMAP_WORDS(RAM_PAGES)];
	json_t *list;

	/* The target has nothing yet: a page lost is no stale page. */
	steps(w, 100);
	memcpy(before, w->dirty, sizeof(before));
	skip_dirty_final(s, 0, w->dirty);
	assert_memory_equal(before, w->dirty, sizeof(before));
	/* It has all: nothing is dirty. */
	send_round(w, s);
	memset(w->dirty, 0, sizeof(w->dirty));
	skip_dirty_final(s, 0, w->dirty);
	/* Dirty, but not rewritten. */
	memset(w->dirty, 0xff, sizeof(w->dirty));
	skip_dirty_final(s, 0, w->dirty);
	/* A page that was sent torn says nothing of what is there. */
	list = skip_dirty_gfns(s);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	skip_dirty_destroy(s);
	world_destroy(w);
}

static void test_new_epoch_means_nothing(void **state)
{
	struct world *w = world_create(ORACLE_CONTENT_RANDOM);
	struct skip_dirty *s = create(w, 5, 1);
	json_t *list;

	send_round(w, s);
	steps(w, 100);
	w->control->epoch.epoch++;
	skip_dirty_final(s, 0, w->dirty);
	list = skip_dirty_gfns(s);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	skip_dirty_destroy(s);
	world_destroy(w);
}

static void test_refuses_nonsense(void **state)
{
	struct world *w = world_create(ORACLE_CONTENT_RANDOM);
	struct abi_control good = *w->control;
	struct skip_dirty *s = NULL;
	unsigned int i;

	for (i = 0; i < 9; i++) {
		struct abi_control *c = w->control;

		*c = good;
		switch (i) {
		case 0:
			c->magic++;
			break;
		case 1:
			c->version++;
			break;
		case 2:
			c->epoch.epoch = 0;
			break;
		case 3:
			c->epoch.nr_vcpus = ABI_MAX_VCPUS + 1;
			break;
		case 4:
			c->vcpu_offset = UINT32_MAX - 63;
			break;
		case 5:
			c->vcpu_offset++;
			break;
		case 6: /* a working set larger than RAM */
			c->epoch.nr_pages = 1ull << 35;
			c->epoch.nr_ranges = 1;
			c->epoch.range[0].nr_pages = 1ull << 35;
			break;
		case 7:
			c->epoch.nr_pages++;
			break;
		case 8:
			c->epoch.nr_ranges = ABI_MAX_WORK_RANGES + 1;
			break;
		}
		assert_int_equal(skip_dirty_create(&w->mem, 1, 1, false, &s),
				 -EINVAL);
		assert_null(s);
	}
	skip_dirty_destroy(NULL);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exactly_these),
		cmocka_unit_test(test_never_more_than_there_are),
		cmocka_unit_test(test_in_flight_is_spared),
		cmocka_unit_test(test_seed_decides),
		cmocka_unit_test(test_nothing_qualifies),
		cmocka_unit_test(test_new_epoch_means_nothing),
		cmocka_unit_test(test_refuses_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
