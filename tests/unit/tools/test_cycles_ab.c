/* SPDX-License-Identifier: MIT */
/* Features of --ab: read, put into -cpu, and told apart in the results. */
#include "tools/cycles_ab.h"

#include <errno.h>
#include <string.h>

#include "tools/cycles_report.h"
#include "unit/unit.h"

static void test_refuses(void **state)
{
	static const char *const wrong[] = {
		"",
		"a,",
		",a",
		"a,,b",
		"a,a",
		"base",
		"a b",
		"a,b c",
		"+a",
		"a+",
		"a,b=\"x",
		"a;b",
		"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p",
	};
	struct cycles_features f;
	struct error err;
	size_t i;

	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		err.text[0] = '\0';
		assert_int_equal(cycles_ab_parse(wrong[i], &f, &err), -EINVAL);
		assert_non_null(strstr(err.text, "--ab takes"));
	}
}

static void test_parse(void **state)
{
	struct cycles_features f;

	assert_int_equal(cycles_ab_parse(NULL, &f, NULL), 0);
	assert_int_equal(f.nr, 1);
	assert_string_equal(f.name[0], CYCLES_BASE);
	assert_int_equal(cycles_ab_parse("x,hv-a+hv-b=7,-c", &f, NULL), 0);
	assert_int_equal(f.nr, 4);
	assert_string_equal(f.name[2], "hv-a+hv-b=7");
	assert_int_equal(
		cycles_ab_parse("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o", &f, NULL), 0);
	assert_int_equal(f.nr, 16);
}

static void test_cpu(void **state)
{
	static const struct {
		const char *feature, *cpu;
	} rows[] = {
		{ "x", "max,x=on" },
		{ "-x2apic", "max,x2apic=off" },
		{ "hv-a+hv-b=7+-c", "max,hv-a=on,hv-b=7,c=off" },
	};
	char cpu[CYCLES_CPU_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(cycles_ab_cpu("max", rows[i].feature, cpu),
				    rows[i].cpu);
}

static void add(json_t *samples, int repeat, const char *variant, double p50)
{
	json_t *ns = p50 < 0 ? json_null() : json_pack("{s:f}", "p50", p50);

	json_array_append_new(samples,
			      json_pack("{s:i, s:s, s:[{s:s, s:i, s:n, s:o}]}",
					"repeat", repeat, "variant", variant,
					"probes", "probe", "cpuid", "ring", 3,
					"skipped", "ns", ns));
}

static double number(const json_t *rows, size_t i, const char *key)
{
	return json_number_value(json_object_get(json_array_get(rows, i), key));
}

static void test_rows(void **state)
{
	json_t *samples = json_array(), *rows;
	struct cycles_features f;
	int i;

	assert_int_equal(cycles_ab_parse("x,y,z", &f, NULL), 0);
	strcpy(f.skipped[3], "no such");
	/* The host gets slower all the time: pairs do not mind. */
	for (i = 1; i <= 6; i++) {
		add(samples, i, CYCLES_BASE, 1000 * i);
		add(samples, i, "x", 1000 * i + 10 + i);
		add(samples, i, "y", i == 4 ? -1 : 1000 * i - 5);
	}
	rows = cycles_ab_rows(samples, &f);
	assert_int_equal(json_array_size(rows), 2);
	assert_true(number(rows, 0, "n") == 6);
	assert_true(number(rows, 0, "base_p50_ns") == 3500);
	assert_true(number(rows, 0, "difference_ns") == 13.5);
	assert_true(number(rows, 0, "ci95_low_ns") >= 11);
	assert_true(number(rows, 0, "ci95_high_ns") <= 16);
	/* A pair with one side only is none, and five have no interval. */
	assert_true(number(rows, 1, "n") == 5);
	assert_true(number(rows, 1, "difference_ns") == -5);
	assert_true(json_is_null(
		json_object_get(json_array_get(rows, 1), "ci95_low_ns")));
	json_decref(rows);
	json_decref(samples);
}

static void test_probes(void **state)
{
	json_t *samples = json_array(), *probes, *one;

	add(samples, 1, CYCLES_BASE, 100);
	add(samples, 1, "x", 5000);
	add(samples, 2, CYCLES_BASE, 110);
	probes = cycles_probes(samples, "L2");
	assert_int_equal(json_array_size(probes), 1);
	one = json_array_get(probes, 0);
	/* 10 of 105; the other variant's are not in it. */
	assert_true(number(probes, 0, "p50_range_pct") > 9.5);
	assert_true(number(probes, 0, "p50_range_pct") < 9.6);
	assert_true(json_array_size(json_object_get(one, "published")) > 0);
	json_decref(probes);
	probes = cycles_probes(samples, "L1");
	one = json_array_get(probes, 0);
	assert_int_equal(json_array_size(json_object_get(one, "published")), 0);
	json_decref(probes);
	json_decref(samples);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses), cmocka_unit_test(test_parse),
		cmocka_unit_test(test_cpu),	cmocka_unit_test(test_rows),
		cmocka_unit_test(test_probes),
	};

	return cmocka_run_group_tests_name("cycles_ab", tests, NULL, NULL);
}
