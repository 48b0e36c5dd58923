/* SPDX-License-Identifier: MIT */
/* Is the noise of a host read, compared and graded by the table? */
#include "base/noise.h"

#include <math.h>
#include <string.h>

#include "unit/unit.h"

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"cpu",
		"cpu 1 2 3 4 5 6 7",
		"cpu0 1 2 3 4 5 6 7 8",
		"full avg10=0.00 total=5",
		"some avg10=0.00",
		"some total=x",
		"1",
		"0.1 0.2 0.3",
		"0.1 0.2 0.3 4",
		"a b c d/e",
	};
	uint64_t a = 7, b = 7;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(noise_parse_stat(bad[i], &a, &b));
		assert_false(noise_parse_pressure(bad[i], &a));
		assert_false(noise_parse_loadavg(bad[i], &a));
	}
	assert_false(noise_parse_schedstat("", &a));
	assert_false(noise_parse_schedstat("1", &a));
	assert_false(noise_parse_schedstat("a b c", &a));
	assert_int_equal(a, 7);
	assert_int_equal(b, 7);
}

static void test_parse(void **state)
{
	uint64_t a, b;

	/* guest time (the last two) is part of user's. */
	assert_true(noise_parse_stat("cpu  100 20 30 4000 500 6 7 88 9 10\n"
				     "cpu0 1 2 3 4 5 6 7 8 9 10",
				     &a, &b));
	assert_int_equal(a, 163);
	assert_int_equal(b, 88);
	assert_true(noise_parse_pressure(
		"some avg10=97.81 avg60=99.03 avg300=91.13 total=863421164\n"
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=1",
		&a));
	assert_int_equal(a, 863421164);
	assert_true(noise_parse_schedstat("5000 67640 1", &a));
	assert_int_equal(a, 67640);
	assert_true(noise_parse_loadavg("7.91 7.96 5.08 10/140 9711", &a));
	assert_int_equal(a, 10);
}

static const struct noise_reading zero = {
	.at_ns = 1000000000,
	.has_stat = true,
	.has_pressure = true,
	.has_wait = true,
	.has_load = true,
	.has_khz = true,
	.busy_ticks = 1000,
	.steal_ticks = 100,
	.pressure_us = 5000,
	.wait_ns = 70,
	.runnable = 1,
	.khz_min = 2000000,
	.khz_max = 3000000,
};

static void test_compare(void **state)
{
	struct noise_reading end = zero;
	struct noise_report r;

	end.at_ns += 2000000000;
	end.busy_ticks += 90;
	end.steal_ticks += 10;
	end.pressure_us += 500000;
	end.wait_ns += 20000000;
	end.khz_min = 1500000;
	noise_compare(&zero, &end, 2, &r);
	assert_float_equal(r.span_s, 2, 1e-9);
	assert_float_equal(r.steal_pct, 10, 1e-9);
	assert_float_equal(r.run_queue_pct, 25, 1e-9);
	assert_false(r.run_queue_is_load);
	assert_float_equal(r.own_wait_pct, 1, 1e-9);
	assert_float_equal(r.frequency_span_pct, 50, 1e-9);
	assert_true(isnan(r.max_gap_us));
}

static void test_compare_doubts(void **state)
{
	struct noise_reading end = zero;
	struct noise_report r;

	/* Too little work, no time at all. */
	end.steal_ticks += 3;
	noise_compare(&zero, &end, 2, &r);
	assert_true(isnan(r.steal_pct));
	assert_true(isnan(r.run_queue_pct));
	/* Counters that go backwards; more waiting than time. */
	end.at_ns += 1000;
	end.busy_ticks = 0;
	end.wait_ns = 0;
	end.pressure_us += 1000000;
	noise_compare(&zero, &end, 2, &r);
	assert_true(isnan(r.steal_pct));
	assert_true(isnan(r.own_wait_pct));
	assert_float_equal(r.run_queue_pct, 100, 1e-9);
}

static void test_compare_without(void **state)
{
	struct noise_reading begin = zero, end = zero;
	struct noise_report r;

	end.at_ns += 1000000000;
	begin.has_pressure = false;
	end.runnable = 8;
	noise_compare(&begin, &end, 2, &r);
	assert_true(r.run_queue_is_load);
	assert_float_equal(r.run_queue_pct, 37.5, 1e-9);
	end = (struct noise_reading){ .at_ns = 5000000000 };
	noise_compare(&zero, &end, 2, &r);
	assert_true(isnan(r.steal_pct) && isnan(r.run_queue_pct) &&
		    isnan(r.own_wait_pct) && isnan(r.frequency_span_pct));
	assert_int_equal(noise_grade(&r), '?');
}

static struct noise_report unknown(void)
{
	return (struct noise_report){
		.steal_pct = NAN,
		.run_queue_pct = NAN,
		.own_wait_pct = NAN,
		.max_gap_us = NAN,
		.frequency_span_pct = NAN,
	};
}

/* At a bound, and just above it. */
static void check_figure(size_t offset, const double *most, size_t nr)
{
	struct noise_report r = unknown();
	double *value = (double *)((char *)&r + offset);
	size_t i;

	*value = 0;
	assert_int_equal(noise_grade(&r), 'A');
	for (i = 0; i < nr; i++) {
		*value = most[i];
		assert_int_equal(noise_grade(&r), 'A' + (int)i);
		*value = most[i] * 1.001;
		assert_int_equal(noise_grade(&r), 'B' + (int)i);
	}
	*value = 1e12;
	assert_int_equal(noise_grade(&r), 'A' + (int)nr);
}

static void test_grade(void **state)
{
	static const double steal[] = { 0.1, 0.5, 2, 5, 15 };
	static const double queue[] = { 5, 15, 30, 50, 80 };
	static const double wait[] = { 0.5, 2, 5, 15, 40 };
	static const double gap[] = { 50, 200, 1000, 5000, 20000 };
	static const double frequency[] = { 5, 20 };

	check_figure(offsetof(struct noise_report, steal_pct), steal, 5);
	check_figure(offsetof(struct noise_report, run_queue_pct), queue, 5);
	check_figure(offsetof(struct noise_report, own_wait_pct), wait, 5);
	check_figure(offsetof(struct noise_report, max_gap_us), gap, 5);
	check_figure(offsetof(struct noise_report, frequency_span_pct),
		     frequency, 2);
}

static void test_worst_counts(void **state)
{
	struct noise_report r = unknown();
	char text[NOISE_TEXT_BYTES];

	assert_string_equal(noise_reason(&r, text), "nothing is known");
	r.steal_pct = 0;
	r.run_queue_pct = 12;
	r.max_gap_us = 1234.5;
	assert_int_equal(noise_grade(&r), 'D');
	assert_string_equal(noise_reason(&r, text), "longest gap 1234 us");
	r.steal_pct = 6.25;
	assert_int_equal(noise_grade(&r), 'E');
	assert_string_equal(noise_reason(&r, text), "steal 6.25 %");
}

/* On this very host: whatever it is, it makes sense. */
static void test_live(void **state)
{
	struct noise_report r;
	struct noise n;
	double gap_us;

	noise_begin(&n);
	gap_us = noise_jitter(2000000);
	assert_true(gap_us > 0);
	noise_end(&n, &r);
	assert_true(r.span_s >= 0.002);
	assert_true(isnan(r.run_queue_pct) ||
		    (r.run_queue_pct >= 0 && r.run_queue_pct <= 100));
	assert_true(isnan(r.steal_pct) || r.steal_pct <= 100);
	assert_true(r.grade == '?' || (r.grade >= 'A' && r.grade <= 'F'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_compare_doubts),
		cmocka_unit_test(test_compare_without),
		cmocka_unit_test(test_grade),
		cmocka_unit_test(test_worst_counts),
		cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
