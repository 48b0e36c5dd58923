/* SPDX-License-Identifier: MIT */
/* Distinct pages over time: against a walk that takes every step. */
#include <string.h>

#include "drive/dirty_curve.h"
#include "unit/unit.h"

#define PAGES 200u

static struct oracle params(uint32_t pattern)
{
	return (struct oracle){
		.seed = 3,
		.epoch = 1,
		.nr_vcpus = 2,
		.nr_orders = 1,
		.order[0] = { .pattern = pattern,
			      .stride_pages = 1,
			      .hot_pages_pct = 10,
			      .hot_steps_pct = 90 },
		.write = ORACLE_WRITE_STAMP,
		.content = ORACLE_CONTENT_RANDOM,
		.nr_pages = PAGES,
		.nr_ranges = 1,
		.range[0] = { .gfn = 512, .nr_pages = PAGES },
	};
}

/* Distinct pages of steps @from + 1 .. @to, one by one. */
static unsigned int walk(const struct oracle *o, const struct oracle_log *log,
			 const uint64_t *from, const uint64_t *to)
{
	bool hit[PAGES] = { false };
	struct oracle_history h;
	unsigned int n = 0;
	uint64_t s, visit, index;
	uint32_t v;

	for (v = 0; v < o->nr_vcpus; v++)
		for (s = from[v]; s < to[v]; s++) {
			oracle_history_init(&h, o, v, &log[v], s);
			index = oracle_history_next(&h, &visit);
			n += !hit[index];
			hit[index] = true;
		}
	return n;
}

static void looks_and_what_follows_are_exact(void **state)
{
	static const uint32_t patterns[] = { ORACLE_SEQUENTIAL, ORACLE_RANDOM,
					     ORACLE_HOTCOLD };
	const struct dirty_look look[] = { { 0, { 1234, 777 } },
					   { 0.5, { 1264, 797 } },
					   { 1, { 1294, 817 } } };
	const uint64_t later[] = { 1234 + 90, 777 + 60 };
	struct oracle_log log[2] = { { .nr = 0 } };
	struct dirty_curve c;
	size_t i;

	for (i = 0; i < ARRAY_LEN(patterns); i++) {
		struct oracle o = params(patterns[i]);

		dirty_curve_project(&o, log, look, 3, &c);
		assert_true(c.nr > 3);
		assert_true(c.second[1] == 1 && c.second[2] == 1.5);
		assert_int_equal(c.pages[0],
				 walk(&o, log, look[0].steps, look[1].steps));
		assert_int_equal(c.pages[1],
				 walk(&o, log, look[0].steps, look[2].steps));
		assert_int_equal(c.pages[2],
				 walk(&o, log, look[0].steps, later));
	}
}

static void a_hot_set_saturates(void **state)
{
	const struct dirty_look look[] = { { 0, { 5000, 5000 } },
					   { 1, { 5400, 5400 } } };
	struct oracle_log log[2] = { { .nr = 0 } };
	struct oracle o = params(ORACLE_RANDOM);
	struct dirty_curve c;

	dirty_curve_project(&o, log, look, 2, &c);
	assert_int_equal(c.nr, 1);
	assert_true(dirty_curve_pages(&c, 1) == PAGES);
	assert_true(dirty_curve_pages(&c, 1000) == PAGES);
}

/* A change of order between two looks, and one that the log forgot. */
static void phases_are_followed(void **state)
{
	const struct dirty_look look[] = { { 0, { 100, 100 } },
					   { 1, { 160, 150 } } };
	struct oracle o = params(ORACLE_SEQUENTIAL);
	struct oracle_log log[2] = { { .nr = 1, .change[1] = 130 << 8 | 1 },
				     { .nr = 1, .change[1] = 120 << 8 | 1 } };
	struct dirty_curve c;

	o.nr_orders = 2;
	o.order[1] = o.order[0];
	o.order[1].pattern = ORACLE_RANDOM;
	dirty_curve_project(&o, log, look, 2, &c);
	assert_true(c.pages[0] > 60 && c.pages[0] <= 110);
	log[0].first = log[1].first = 1;
	dirty_curve_project(&o, log, look, 2, &c);
	assert_int_equal(c.pages[0], 30 + 30);
}

static void a_guest_at_rest_dirties_nothing(void **state)
{
	const struct dirty_look look[] = { { 0, { 9, 9 } }, { 1, { 9, 9 } } };
	struct oracle_log log[2] = { { .nr = 0 } };
	struct oracle o = params(ORACLE_RANDOM);
	struct dirty_curve c;

	dirty_curve_project(&o, log, look, 2, &c);
	assert_true(c.nr <= DIRTY_CURVE_POINTS);
	assert_true(dirty_curve_pages(&c, 1e6) == 0);
}

static void lines_between_the_points(void **state)
{
	static const struct dirty_curve c = {
		.nr = 2,
		.second = { 1, 3 },
		.pages = { 100, 200 },
		.most_pages = 260,
	};
	static const struct {
		double second, pages;
	} rows[] = { { 0, 0 },	 { 0.5, 50 }, { 1, 100 }, { 2, 150 },
		     { 3, 200 }, { 4, 250 },  { 9, 260 } };
	static const struct dirty_curve none = { .nr = 0, .most_pages = 9 };
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(dirty_curve_pages(&c, rows[i].second) ==
			    rows[i].pages);
	assert_true(dirty_curve_pages(&none, 5) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_and_what_follows_are_exact),
		cmocka_unit_test(a_hot_set_saturates),
		cmocka_unit_test(phases_are_followed),
		cmocka_unit_test(a_guest_at_rest_dirties_nothing),
		cmocka_unit_test(lines_between_the_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
