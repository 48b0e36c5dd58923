/* SPDX-License-Identifier: MIT */
/* Are the statistics those of the textbook, at the edges too? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "report/stats.h"

struct row {
	double values[8];
	struct stats want; /* n says how many values */
};

static const struct row rows[] = {
	{ { 0 }, { 0 } },
	{ { 5 }, { 1, 5, 5, 5, 0, 5, 5 } },
	{ { 4, 2 }, { 2, 2, 3, 3, 1.4142135623730951, 4, 4 } },
	{ { 3, 1, 2 }, { 3, 1, 2, 2, 1, 3, 3 } },
	{ { 10, 1, 3, 2 }, { 4, 1, 2.5, 4, 4.08248290463863, 10, 10 } },
	{ { -1, -1, -1 }, { 3, -1, -1, -1, 0, -1, -1 } },
	{ { 2, 4, 4, 4, 5, 5, 7, 9 },
	  { 8, 2, 4.5, 5, 2.138089935299395, 9, 9 } },
	{ { 1e308, 1e308 }, { 2, 1e308, 1e308, 1e308, 0, 1e308, 1e308 } },
};

static void check(const struct row *row)
{
	struct row copy = *row;
	struct stats s;

	assert_int_equal(stats_compute(copy.values, row->want.n, &s), 0);
	assert_int_equal(s.n, row->want.n);
	assert_true(s.min == row->want.min);
	assert_true(s.median == row->want.median);
	assert_true(fabs(s.mean - row->want.mean) <=
		    fabs(row->want.mean) * 1e-15);
	assert_true(fabs(s.stddev - row->want.stddev) < 1e-12);
	assert_true(s.p99 == row->want.p99);
	assert_true(s.max == row->want.max);
}

static void test_rows(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check(&rows[i]);
}

/* The smallest value with 99 % at or below it. */
static void test_p99(void **state)
{
	static const size_t nrs[] = { 99, 100, 101, 200, 1000 };
	static const double p99s[] = { 99, 99, 100, 198, 990 };
	double values[1000];
	struct stats s;
	size_t i, j;

	for (i = 0; i < 5; i++) {
		for (j = 0; j < nrs[i]; j++)
			values[j] = (double)(nrs[i] - j);
		assert_int_equal(stats_compute(values, nrs[i], &s), 0);
		assert_true(s.p99 == p99s[i]);
	}
}

static void test_not_finite(void **state)
{
	double bad[] = { 1, NAN, 2 }, worse[] = { -INFINITY };
	struct stats s = { .n = 77 };

	assert_int_equal(stats_compute(bad, 3, &s), -EINVAL);
	assert_int_equal(stats_compute(worse, 1, &s), -EINVAL);
	assert_int_equal(s.n, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_p99),
		cmocka_unit_test(test_not_finite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
