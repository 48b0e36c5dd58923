/* SPDX-License-Identifier: MIT */
/*
 * The order of writes: is each pass a bijection, does its inverse undo it, and
 * does far out still hold what holds near by? What a counter tells of every
 * page is in test_ledger.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "params.h"

static void slices_partition(struct rng *rng, const struct oracle *o)
{
	uint64_t next = 0, index, least = UINT64_MAX, most = 0;
	uint32_t v;

	for (v = 0; v < o->nr_vcpus; v++) {
		struct oracle_slice s = oracle_slice(o, v);

		assert_int_equal(s.first, next);
		for (index = s.first; index < s.first + s.nr_pages; index++)
			assert_int_equal(oracle_owner(o, index), v);
		next += s.nr_pages;
		least = oracle_min(least, s.nr_pages);
		most = s.nr_pages > most ? s.nr_pages : most;
	}
	assert_int_equal(next, o->nr_pages);
	assert_true(most - least <= 1);
}

static void gfn_and_index_agree(struct rng *rng, const struct oracle *o)
{
	uint64_t index, back, i;
	size_t outside = 0;

	for (index = 0; index < o->nr_pages; index++) {
		assert_true(oracle_index(o, oracle_gfn(o, index), &back));
		assert_int_equal(back, index);
	}
	for (i = 0; i < 4000; i++)
		outside += !oracle_index(o, i, &back);
	assert_int_equal(outside + oracle_min(o->nr_pages, 4000 - outside),
			 4000);
	assert_false(oracle_index(o, 0, &back));
	assert_false(oracle_index(o, UINT64_MAX, &back));
}

/* Every position gives another page, and the inverse finds the way back. */
static void pass_is_bijection(struct rng *rng, const struct oracle *o)
{
	uint64_t x, y, nr = o->nr_pages;
	uint8_t *seen = calloc(nr, 1);
	struct oracle_perm p;

	oracle_perm_init(&p, o, &o->order[0], 0, nr, rng_next(rng) >> 16,
			 (uint32_t)rng_below(rng, 2));
	for (x = 0; x < nr; x++) {
		y = oracle_perm_apply(&p, x);
		assert_true(y < nr);
		assert_false(seen[y]++);
		assert_int_equal(oracle_perm_invert(&p, y), x);
	}
	free(seen);
}

/* Far out: what the cursor says from a seek on is what the history says. */
static void far_steps_agree(struct rng *rng, const struct oracle *o)
{
	static const uint64_t far[] = { (1ull << 31) - 1, 1ull << 32,
					(1ull << 40) + 7, (1ull << 48) - 40,
					1ull << 48 };
	uint32_t v = (uint32_t)rng_below(rng, o->nr_vcpus);
	uint64_t index, visit, next, i, steps;
	struct oracle_history before, after;
	struct oracle_cursor c;
	size_t f;

	if (!oracle_slice(o, v).nr_pages)
		return;
	for (f = 0; f < sizeof(far) / sizeof(far[0]); f++) {
		steps = f < 4 ? far[f] + rng_below(rng, 32) : far[f];
		oracle_cursor_seek(&c, o, v, NULL, steps);
		for (i = 0; i < 40; i++) {
			oracle_history_init(&before, o, v, NULL, steps + i);
			oracle_history_init(&after, o, v, NULL, steps + i + 1);
			index = oracle_cursor_next(&c, o, &visit);
			assert_int_equal(oracle_history_next(&before, &next),
					 index);
			assert_int_equal(next, visit);
			assert_int_equal(oracle_history_visit(&before, index),
					 visit - 1);
			assert_int_equal(oracle_history_visit(&after, index),
					 visit);
		}
	}
}

/* After S steps the visits of a slice add up to S, at any S. */
static void visits_add_up(struct rng *rng, const struct oracle *o)
{
	uint32_t v = (uint32_t)rng_below(rng, o->nr_vcpus);
	struct oracle_slice s = oracle_slice(o, v);
	uint64_t steps = rng_next(rng) >> (16 + rng_below(rng, 40));
	uint64_t i, sum = 0;
	struct oracle_history h;

	if (!s.nr_pages)
		return;
	oracle_history_init(&h, o, v, NULL, steps);
	for (i = 0; i < s.nr_pages; i++)
		sum += oracle_history_visit(&h, s.first + i);
	assert_int_equal(sum, steps);
}

/* hot=20%/75%: so many of the steps go to so many of the pages. */
static void hot_pages_get_their_share(void **state)
{
	struct oracle o = { .seed = 3,
			    .epoch = 1,
			    .nr_vcpus = 1,
			    .nr_orders = 1,
			    .order[0] = { ORACLE_HOTCOLD, 0, 20, 75 },
			    .nr_pages = 1000,
			    .nr_ranges = 1,
			    .range = { { 0, 1000 } } };
	uint64_t i, visit, hot = 0, run = 0, longest = 0;
	struct oracle_cursor c;

	oracle_cursor_seek(&c, &o, 0, NULL, 0);
	for (i = 0; i < 100000; i++) {
		bool is_hot = oracle_cursor_next(&c, &o, &visit) < 200;

		hot += is_hot;
		run = is_hot ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	assert_int_equal(hot, 75000);
	/* Interleaved, not one after the other. */
	assert_int_equal(longest, 3);
}

/* stride: every 5th page, then every 5th from the second on. */
static void strides_skip(void **state)
{
	static const uint64_t want[] = { 0, 5, 10, 1, 6, 11, 2, 7, 3, 8, 4, 9 };
	const struct oracle o = { .nr_orders = 1 };
	const struct oracle_order order = { ORACLE_STRIDED, 5, 0, 0 };
	struct oracle_perm p;
	uint64_t i;

	oracle_perm_init(&p, &o, &order, 0, 12, 0, 0);
	for (i = 0; i < 12; i++)
		assert_int_equal(oracle_perm_apply(&p, i), want[i]);
}

/* Random order must differ from pass to pass and from vCPU to vCPU. */
static void orders_differ(void **state)
{
	struct oracle o = { .seed = 3,
			    .epoch = 1,
			    .nr_orders = 1,
			    .order[0].pattern = ORACLE_RANDOM };
	struct oracle_perm a, b, c, d;
	uint64_t x, same_pass = 0, same_vcpu = 0, same_lane = 0;

	oracle_perm_init(&a, &o, o.order, 0, 1000, 0, 0);
	oracle_perm_init(&b, &o, o.order, 0, 1000, 1, 0);
	oracle_perm_init(&c, &o, o.order, 1, 1000, 0, 0);
	oracle_perm_init(&d, &o, o.order, 0, 1000, 0, 1);
	for (x = 0; x < 1000; x++) {
		uint64_t y = oracle_perm_apply(&a, x);

		same_pass += y == oracle_perm_apply(&b, x);
		same_vcpu += y == oracle_perm_apply(&c, x);
		same_lane += y == oracle_perm_apply(&d, x);
	}
	assert_true(same_pass < 20);
	assert_true(same_vcpu < 20);
	assert_true(same_lane < 20);
}

#define ORDER(i, field)                                                        \
	(offsetof(struct oracle, order) + (i) * sizeof(struct oracle_order) +  \
	 offsetof(struct oracle_order, field))

struct hostile {
	const char *what;
	size_t offset;
	uint32_t value;
};

/* Each 32-bit field out of its range, one at a time. */
static void hostile_fields_are_refused(void **state)
{
	static const struct hostile cases[] = {
		{ "epoch 0", offsetof(struct oracle, epoch), 0 },
		{ "no vCPU", offsetof(struct oracle, nr_vcpus), 0 },
		{ "65 vCPUs", offsetof(struct oracle, nr_vcpus), 65 },
		{ "no order", offsetof(struct oracle, nr_orders), 0 },
		{ "9 orders", offsetof(struct oracle, nr_orders), 9 },
		{ "3 orders", offsetof(struct oracle, nr_orders), 3 },
		{ "pattern 0", ORDER(0, pattern), 0 },
		{ "pattern 6", ORDER(0, pattern), 6 },
		{ "random in strides", ORDER(0, stride_pages), 1 },
		{ "random and hot", ORDER(0, hot_pages_pct), 1 },
		{ "random and hot", ORDER(0, hot_steps_pct), 1 },
		{ "no stride", ORDER(1, pattern), ORACLE_STRIDED },
		{ "no hot pages", ORDER(1, hot_pages_pct), 0 },
		{ "no hot steps", ORDER(1, hot_steps_pct), 0 },
		{ "all hot", ORDER(1, hot_pages_pct), 100 },
		{ "all hot", ORDER(1, hot_steps_pct), 100 },
		{ "write 0", offsetof(struct oracle, write), 0 },
		{ "write 4", offsetof(struct oracle, write), 4 },
		{ "content 0", offsetof(struct oracle, content), 0 },
		{ "content 6", offsetof(struct oracle, content), 6 },
		{ "ratio 0", offsetof(struct oracle, ratio), 0 },
		{ "ratio 65", offsetof(struct oracle, ratio), 65 },
		{ "no range", offsetof(struct oracle, nr_ranges), 0 },
		{ "9 ranges", offsetof(struct oracle, nr_ranges), 9 },
		{ "delta 8", offsetof(struct oracle, delta_bytes), 8 },
		{ "delta 4160", offsetof(struct oracle, delta_bytes), 4160 },
		{ "delta of a line", offsetof(struct oracle, write), 3 },
		{ "pages", offsetof(struct oracle, nr_pages), 11 },
		{ "pages", offsetof(struct oracle, nr_pages) + 4, 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct oracle o = { .seed = 1,
				    .epoch = 1,
				    .nr_vcpus = 64,
				    .nr_orders = 2,
				    .order = { { 2, 0, 0, 0 },
					       { 4, 0, 10, 90 } },
				    .write = 2,
				    .delta_bytes = 128,
				    .content = 3,
				    .ratio = 64,
				    .nr_pages = 10,
				    .nr_ranges = 2,
				    .range = { { 9, 5 }, { 4, 5 } } };

		assert_true(oracle_valid(&o));
		memcpy((char *)&o + cases[i].offset, &cases[i].value, 4);
		if (oracle_valid(&o))
			fail_msg("accepted: %s", cases[i].what);
	}
}

static void hostile_ranges_are_refused(void **state)
{
	static const struct oracle_range cases[][2] = {
		{ { 9, 0 }, { 4, 10 } }, /* empty */
		{ { 9, 5 }, { 5, 5 } }, /* overlap */
		{ { 5, 5 }, { 9, 5 } },
		{ { 7, 5 }, { 7, 5 } }, /* the same */
		{ { 5, 1 }, { 1, 9 } }, /* one in the other */
		{ { (1ull << 40) - 4, 5 }, { 4, 5 } }, /* past the last gfn */
		{ { UINT64_MAX, 5 }, { 4, 5 } }, /* wraps */
		{ { 9, UINT64_MAX - 4 }, { 4, 15 } }, /* sum wraps to 10 */
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct oracle o = { .seed = 1,
				    .epoch = 1,
				    .nr_vcpus = 1,
				    .nr_orders = 1,
				    .order[0].pattern = 1,
				    .write = 1,
				    .content = 1,
				    .nr_pages = 10,
				    .nr_ranges = 2 };

		memcpy(o.range, cases[i], sizeof(cases[i]));
		if (oracle_valid(&o))
			fail_msg("accepted: ranges %zu", i);
	}
}

FOR_ALL(slices_partition)
FOR_ALL(gfn_and_index_agree)
FOR_ALL(pass_is_bijection)
FOR_ALL(far_steps_agree)
FOR_ALL(visits_add_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_fields_are_refused),
		cmocka_unit_test(hostile_ranges_are_refused),
		cmocka_unit_test(test_slices_partition),
		cmocka_unit_test(test_gfn_and_index_agree),
		cmocka_unit_test(test_pass_is_bijection),
		cmocka_unit_test(hot_pages_get_their_share),
		cmocka_unit_test(strides_skip),
		cmocka_unit_test(test_far_steps_agree),
		cmocka_unit_test(test_visits_add_up),
		cmocka_unit_test(orders_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
