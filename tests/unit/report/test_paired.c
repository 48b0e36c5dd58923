/* SPDX-License-Identifier: MIT */
/* Is the interval of paired differences that of the signed-rank tables, and are
 * only real pairs compared? */
#include "report/paired.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "report/result.h"
#include "unit/unit.h"

static void test_refuses(void **state)
{
	double bad[] = { 1, NAN, 2 }, worse[] = { INFINITY }, none[1];
	struct paired p = { .n = 77 };

	assert_int_equal(paired_compute(bad, 3, &p), -EINVAL);
	assert_int_equal(paired_compute(worse, 1, &p), -EINVAL);
	assert_int_equal(paired_compute(none, 0, &p), -EINVAL);
	assert_int_equal(p.n, 77);
}

/* Five signs alike happen by chance once in 16: no 95 %. */
static void test_few(void **state)
{
	double d[] = { 5, 1, 2, 4, 3 };
	struct paired p;

	assert_int_equal(paired_compute(d, 5, &p), 0);
	assert_true(p.median == 3);
	assert_false(p.has_interval);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The slow way: all means, sorted. */
static double nth_mean(const double *d, size_t n, size_t k)
{
	double *mean = calloc(n * n, sizeof(*mean)), value;
	size_t i, j, nr = 0;

	for (i = 0; i < n; i++)
		for (j = i; j < n; j++)
			mean[nr++] = d[i] / 2 + d[j] / 2;
	qsort(mean, nr, sizeof(*mean), compare);
	value = mean[k - 1];
	free(mean);
	return value;
}

/* Ranks of the two-sided 5 % test, as the tables have them, plus 1. */
static void test_tables(void **state)
{
	static const struct {
		size_t n, k;
	} rows[] = {
		{ 6, 1 },   { 7, 3 },	{ 8, 4 },   { 9, 6 },	 { 10, 9 },
		{ 15, 26 }, { 20, 53 }, { 25, 90 }, { 30, 138 }, { 50, 435 },
	};
	double d[50], copy[50];
	struct paired p;
	size_t r, i;

	for (r = 0; r < ARRAY_LEN(rows); r++) {
		size_t n = rows[r].n, all = n * (n + 1) / 2;

		/* Uneven, with ties. */
		for (i = 0; i < n; i++)
			copy[i] = d[i] = (double)(i * i % 37) - 11;
		assert_int_equal(paired_compute(d, n, &p), 0);
		assert_true(p.has_interval);
		assert_true(p.low == nth_mean(copy, n, rows[r].k));
		assert_true(p.high == nth_mean(copy, n, all + 1 - rows[r].k));
		assert_true(p.low <= p.median && p.median <= p.high);
	}
}

/* Beyond the exact ones: about 1.96 standard errors on either side. */
static void test_many(void **state)
{
	enum { N = 100001 };
	double *d = calloc(N, sizeof(*d));
	struct paired p;
	size_t i;

	for (i = 0; i < N; i++)
		d[i] = (double)i - N / 2;
	assert_int_equal(paired_compute(d, N, &p), 0);
	assert_true(p.median == 0 && p.low < 0 && p.high > 0);
	assert_true(fabs(p.low + p.high) <= 1);
	assert_true(p.high > 170 && p.high < 190);
	free(d);
}

static void test_all_the_same(void **state)
{
	double d[] = { 2, 2, 2, 2, 2, 2, 2, 2 };
	struct paired p;

	assert_int_equal(paired_compute(d, 8, &p), 0);
	assert_true(p.median == 2 && p.low == 2 && p.high == 2);
}

static void add(struct result *r, const char *variant, int repeat, int hop,
		double value)
{
	result_add_sample(r,
			  json_pack("{s:s, s:i, s:i, s:o}", "variant", variant,
				    "repeat", repeat, "hop", hop, "x",
				    result_number(value)),
			  false);
}

static double figure(json_t *doc, const char *part, const char *in,
		     const char *figure_name, const char *key)
{
	json_t *o = json_object_get(json_object_get(doc, part), in);

	return json_number_value(
		json_object_get(json_object_get(o, figure_name), key));
}

static void test_result(void **state)
{
	static const char *const figures[] = { "x", "absent" };
	static char *argv[] = { "vmferry" };
	const struct result_params params = { "migrate", "0", 1, argv };
	struct result *r;
	json_t *doc;
	int i;

	assert_int_equal(result_create(&params, &r), 0);
	result_summarize(r, figures, 2);
	result_compare_variants(r);
	for (i = 1; i <= 8; i++) {
		/* The trend over the pairs is common to both. */
		add(r, "a", i, 1, 100 * i);
		add(r, "b", i, 1, 100 * i + 7);
	}
	add(r, "a", 9, 1, 1e6); /* B has none */
	add(r, "b", 8, 2, -1e6); /* another hop */
	add(r, "a", 10, 1, 5);
	add(r, "b", 10, 1, NAN);
	assert_int_equal(result_document(r, &doc), 0);
	result_destroy(r);
	assert_true(figure(doc, "difference", "figures", "x", "n") == 8);
	assert_true(figure(doc, "difference", "figures", "x", "median") == 7);
	assert_true(figure(doc, "difference", "figures", "x", "ci95_low") == 7);
	assert_true(figure(doc, "difference", "figures", "x", "a_median") ==
		    450);
	assert_true(figure(doc, "difference", "figures", "absent", "n") == 0);
	assert_true(figure(doc, "summary_by_variant", "a", "x", "n") == 10);
	assert_true(figure(doc, "summary_by_variant", "b", "x", "n") == 9);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_all_the_same),
		cmocka_unit_test(test_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
