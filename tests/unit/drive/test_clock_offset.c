/* SPDX-License-Identifier: MIT */
/* Does the interval always hold the truth, and never more than is known? */
#include "drive/clock_offset.h"

#include "unit/random.h"
#include "unit/unit.h"

#define DAY_US 86400000000ll

static void test_one_exchange(void **state)
{
	struct clock_offset c = { .known = false };

	/* 10 us of round trip; theirs is 1000 us more, half way. */
	clock_offset_see(&c, 50000, 1055, 60000);
	assert_true(c.known);
	assert_int_equal(c.low_ns, 1055000 - 60000);
	assert_int_equal(c.high_ns, 1056000 - 50000);
}

static void test_impossible_is_left_out(void **state)
{
	static const struct {
		uint64_t sent_ns;
		int64_t stamp_us;
		uint64_t arrived_ns;
	} rows[] = {
		{ 5, -1, 6 }, /* no stamp */
		{ 7, 1, 6 }, /* the answer before the question */
		{ 5, INT64_MAX, 6 }, /* no such year */
		{ 5, 1, UINT64_MAX },
	};
	struct clock_offset c = { .known = false };
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clock_offset_see(&c, rows[i].sent_ns, rows[i].stamp_us,
				 rows[i].arrived_ns);
		assert_false(c.known);
	}
}

/* Any delays there and back: the truth lies inside, and the error shrinks. */
static void test_holds_the_truth(void **state)
{
	struct rng rng = { .state = 1 };
	int round;

	for (round = 0; round < 200; round++) {
		int64_t truth_ns = (int64_t)(rng_below(&rng, DAY_US)) * 997;
		struct clock_offset c = { .known = false };
		uint64_t now = 1000000000, width = UINT64_MAX;
		int i;

		for (i = 0; i < 32; i++) {
			uint64_t there = rng_below(&rng, 500000);
			uint64_t back = rng_below(&rng, 500000);
			int64_t stamp =
				((int64_t)(now + there) + truth_ns) / 1000;

			clock_offset_see(&c, now, stamp, now + there + back);
			assert_true(c.low_ns <= truth_ns);
			assert_true(c.high_ns >= truth_ns);
			assert_true((uint64_t)(c.high_ns - c.low_ns) <= width);
			width = (uint64_t)(c.high_ns - c.low_ns);
			now += 1000000;
		}
		assert_true(width < 500000);
	}
}

/* A clock that was set meanwhile: both may be, and all between. */
static void test_a_step_widens(void **state)
{
	struct clock_offset c = { .known = false };

	clock_offset_see(&c, 1000000, 5000, 1010000);
	clock_offset_see(&c, 2000000, 9000, 2010000);
	assert_int_equal(c.low_ns, 5000000 - 1010000);
	assert_int_equal(c.high_ns, 9001000 - 2000000);
}

static void test_between(void **state)
{
	const struct clock_offset a = { true, 1000000, 1002000 };
	const struct clock_offset b = { true, 1500000, 1506000 };
	const struct clock_offset none = { .known = false };
	double offset = 7, error = 7;

	assert_false(clock_offset_between(&a, &none, &offset, &error));
	assert_false(clock_offset_between(&none, &a, &offset, &error));
	assert_true(offset == 7 && error == 7);
	assert_true(clock_offset_between(&a, &b, &offset, &error));
	assert_true(offset == 502);
	assert_true(error == 4);
}

/* STOP and RESUME of 2 ms by hosts that are a day apart. */
static void test_ours(void **state)
{
	struct clock_offset a = { .known = false }, b = { .known = false };

	clock_offset_see(&a, 1000000, 2000, 1000000);
	clock_offset_see(&b, 1000000, 2000 + DAY_US, 1000000);
	assert_int_equal(clock_offset_ours_ns(&b, DAY_US + 7000) -
				 clock_offset_ours_ns(&a, 5000),
			 2000000);
}

static void test_join(void **state)
{
	struct clock_offset c = { .known = false };
	const struct clock_offset a = { true, 10, 20 }, b = { true, 15, 40 };
	const struct clock_offset none = { .known = false };

	clock_offset_join(&c, &none);
	assert_false(c.known);
	clock_offset_join(&c, &a);
	clock_offset_join(&c, &b);
	clock_offset_join(&c, &none);
	assert_int_equal(c.low_ns, 15);
	assert_int_equal(c.high_ns, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_exchange),
		cmocka_unit_test(test_impossible_is_left_out),
		cmocka_unit_test(test_holds_the_truth),
		cmocka_unit_test(test_a_step_widens),
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
