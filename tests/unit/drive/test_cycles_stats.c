/* SPDX-License-Identifier: MIT */
/* Order statistics of an exit probe's times, and where a guest runs. */
#include <stdlib.h>
#include <string.h>

#include "drive/cycles_level.h"
#include "drive/cycles_stats.h"
#include "unit/unit.h"

#define MANY 1000u

/* 1 .. @nr, the greatest first. */
static uint32_t *falling(uint32_t nr)
{
	uint32_t *ticks = calloc(nr, sizeof(*ticks)), i;

	assert_non_null(ticks);
	for (i = 0; i < nr; i++)
		ticks[i] = nr - i;
	return ticks;
}

static void test_ranks(void **state)
{
	static const struct {
		uint32_t nr, p50, p90, p99;
	} rows[] = {
		{ 1, 1, 1, 1 },		{ 2, 1, 2, 2 },
		{ 3, 2, 3, 3 },		{ 10, 5, 9, 10 },
		{ 100, 50, 90, 99 },	{ 101, 51, 91, 100 },
		{ 200, 100, 180, 198 },
	};
	struct cycles_stats s;
	uint32_t *ticks;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ticks = falling(rows[i].nr);
		cycles_stats_compute(ticks, rows[i].nr, &s);
		assert_int_equal(s.nr, rows[i].nr);
		assert_int_equal(s.min, 1);
		assert_int_equal(s.p50, rows[i].p50);
		assert_int_equal(s.p90, rows[i].p90);
		assert_int_equal(s.p99, rows[i].p99);
		assert_int_equal(s.max, rows[i].nr);
		assert_int_equal(ticks[0], 1);
		free(ticks);
	}
}

static void test_spread(void **state)
{
	uint32_t *ticks = falling(MANY), i;
	struct cycles_stats s;

	/* Ranks 500 -+ 31, of a median of 500. */
	cycles_stats_compute(ticks, MANY, &s);
	assert_true(s.spread_pct > 6 && s.spread_pct < 6.5);
	/* Some that lie far off change nothing. */
	for (i = 0; i < MANY; i++)
		ticks[i] = i < 10 ? UINT32_MAX : 7000;
	cycles_stats_compute(ticks, MANY, &s);
	assert_int_equal(s.p50, 7000);
	assert_true(s.spread_pct < 1e-9);
	/* Too few to say anything. */
	cycles_stats_compute(ticks, 5, &s);
	assert_true(s.spread_pct == 100);
	cycles_stats_compute(ticks, 0, &s);
	assert_true(s.spread_pct == 100);
	assert_int_equal(s.nr, 0);
	/* A median of 0 has no per cent. */
	memset(ticks, 0, MANY * sizeof(*ticks));
	cycles_stats_compute(ticks, MANY, &s);
	assert_true(s.spread_pct == 0);
	free(ticks);
}

static void test_turns(void **state)
{
	static const struct {
		uint32_t empty, least;
		enum cycles_turn turn;
	} rows[] = {
		{ 23300, 23300, CYCLES_TURN_GOOD },
		{ 23700, 23300, CYCLES_TURN_GOOD },
		{ 34710, 23300, CYCLES_TURN_DISTURBED },
		{ 23200, 23200, CYCLES_TURN_GOOD },
		{ 20000, 20000, CYCLES_TURN_BETTER },
		{ 23200, 20000, CYCLES_TURN_DISTURBED },
		{ 104, 104, CYCLES_TURN_BETTER },
		{ 78, 78, CYCLES_TURN_GOOD },
		{ 104, 78, CYCLES_TURN_GOOD },
		{ 0, 0, CYCLES_TURN_BETTER },
		{ 0, 0, CYCLES_TURN_GOOD },
	};
	uint32_t least = 7;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(cycles_judge_turn(rows[i].empty, &least, !i),
				 rows[i].turn);
		assert_int_equal(least, rows[i].least);
	}
}

static void test_histogram(void **state)
{
	uint32_t ticks[] = { 0, 0, 127, 128, 4096, 4097, 4128, UINT32_MAX };
	struct cycles_bucket b[8];
	size_t n = cycles_histogram(ticks, 8, b, 8), i, all = 0;

	assert_int_equal(n, 6);
	assert_int_equal(b[0].from, 0);
	assert_int_equal(b[0].count, 2);
	assert_int_equal(b[1].from, 127);
	assert_int_equal(b[2].from, 128);
	assert_int_equal(b[3].from, 4096);
	assert_int_equal(b[3].count, 2);
	assert_int_equal(b[4].from, 4128);
	assert_true(b[5].from > UINT32_MAX / 128 * 127);
	for (i = 0; i < n; i++)
		all += b[i].count;
	assert_int_equal(all, 8);
	/* What finds no room is not lost. */
	n = cycles_histogram(ticks, 8, b, 2);
	assert_int_equal(n, 2);
	assert_int_equal(b[0].count + b[1].count, 8);
	assert_int_equal(cycles_histogram(ticks, 0, b, 8), 0);
}

static void test_level(void **state)
{
	assert_string_equal(cycles_level(CYCLES_HOST_BARE, false), "L1");
	assert_string_equal(cycles_level(CYCLES_HOST_EMULATED, false), "L1");
	assert_string_equal(cycles_level(CYCLES_HOST_VIRTUAL, false), "L2");
	assert_string_equal(cycles_level(CYCLES_HOST_VIRTUAL, true), "L1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranks), cmocka_unit_test(test_spread),
		cmocka_unit_test(test_turns), cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_level),
	};

	return cmocka_run_group_tests_name("cycles_stats", tests, NULL, NULL);
}
