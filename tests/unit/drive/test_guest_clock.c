/* SPDX-License-Identifier: MIT */
/* Do looks from outside bound the guest's clock, and do jumps void them? */
#include "drive/guest_clock.h"

#include "base/clock.h"
#include "unit/unit.h"

#define MS NSEC_PER_MSEC
/* 2 ticks a ns, 1 ms behind ours. */
#define HZ (2 * NSEC_PER_SEC)
#define TSC(ns) (2 * ((ns)-MS))

struct see {
	uint64_t tsc, after_ns, by_ns;
};

static const struct {
	const char *what;
	struct see see[3];
	uint64_t tsc;
	uint64_t earliest_ns, latest_ns;
} rows[] = {
	{ "one look",
	  { { TSC(10 * MS), 10 * MS - 30, 10 * MS + 20 } },
	  TSC(7 * MS),
	  7 * MS - 30,
	  7 * MS + 20 },
	{ "nothing known of before",
	  { { TSC(10 * MS), 0, 10 * MS + 20 } },
	  TSC(7 * MS),
	  0,
	  7 * MS + 20 },
	{ "each bound by the better look, 500 ppm of 991 us apart",
	  { { TSC(10 * MS), 10 * MS - 30, 10 * MS + 9000 },
	    { TSC(11 * MS), 11 * MS - 9000, 11 * MS + 20 } },
	  TSC(7 * MS),
	  7 * MS - 30 - 495,
	  7 * MS + 20 },
	{ "a better look before, widened",
	  { { TSC(10 * MS), 10 * MS - 30, 10 * MS + 20 },
	    { TSC(11 * MS), 11 * MS - 9000, 11 * MS + 20 },
	    { TSC(12 * MS), 12 * MS - 9000, 12 * MS + 9980 } },
	  TSC(12 * MS),
	  /* (20 ns less than 1 ms, 10 us less than 1 ms more) / 2000 */
	  12 * MS - 30 - 500 - 504,
	  12 * MS + 20 + 504 },
	{ "a jump voids",
	  { { TSC(10 * MS), 10 * MS - 30, 10 * MS + 20 },
	    { TSC(20 * MS), 11 * MS, 11 * MS + 50 } },
	  TSC(20 * MS),
	  11 * MS,
	  11 * MS + 50 },
};

static void test_width(void **state)
{
	struct guest_clock c = { .tsc_hz = HZ };

	assert_true(guest_clock_width_ns(&c) == UINT64_MAX);
	guest_clock_see(&c, TSC(10 * MS), 10 * MS - 30, 10 * MS + 20);
	assert_int_equal(guest_clock_width_ns(&c), 50);
	/* A worse look leaves it as it was, but for the drift,
	 * 1,009 us / 2000. */
	guest_clock_see(&c, TSC(11 * MS), 11 * MS - 9000, 11 * MS + 9000);
	assert_int_equal(guest_clock_width_ns(&c), 50 + 2 * 504);
}

static void test_bounds(void **state)
{
	uint64_t earliest, latest;
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct guest_clock c = { .tsc_hz = HZ };

		for (k = 0; k < 3 && rows[i].see[k].by_ns; k++)
			guest_clock_see(&c, rows[i].see[k].tsc,
					rows[i].see[k].after_ns,
					rows[i].see[k].by_ns);
		assert_true(guest_clock_bounds(&c, rows[i].tsc, &earliest,
					       &latest));
		if (earliest != rows[i].earliest_ns ||
		    latest != rows[i].latest_ns)
			fail_msg("%s: %llu to %llu", rows[i].what,
				 (unsigned long long)earliest,
				 (unsigned long long)latest);
	}
}

static void test_unknown(void **state)
{
	struct guest_clock c = { .tsc_hz = HZ };
	uint64_t earliest = 7, latest = 8;

	assert_false(guest_clock_bounds(&c, 5, &earliest, &latest));
	c.tsc_hz = 0;
	guest_clock_see(&c, 5, 6, 7);
	assert_false(guest_clock_bounds(&c, 5, &earliest, &latest));
	assert_int_equal(earliest, 7);
	assert_int_equal(latest, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
