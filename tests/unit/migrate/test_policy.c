/* SPDX-License-Identifier: MIT */
/* When to stop, and how fast to go: pure functions of numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "migrate/limiter.h"
#include "migrate/policy.h"

#define MS NSEC_PER_MSEC
#define MB 1000000ull

static void test_stop(void **state)
{
	static const struct {
		struct policy_input in;
		bool stop;
		uint64_t expected_ns;
	} rows[] = {
		/* 100 MB at 1 GB/s are 100 ms, and 10 ms for the state. */
		{ { 100 * MB, 1000 * MB, 10 * MS, 110 * MS }, true, 110 * MS },
		{ { 100 * MB, 1000 * MB, 10 * MS, 110 * MS - 1 },
		  false,
		  110 * MS },
		/* Nothing left: even with no downtime allowed. */
		{ { 0, 1000 * MB, 10 * MS, 0 }, true, 10 * MS },
		{ { 0, 0, 10 * MS, 0 }, true, 10 * MS },
		{ { 1, 1000 * MB, 0, 0 }, false, 1 },
		/* The guess counts for half of the limit at most. */
		{ { MB, 1000 * MB, 10 * MS, 2 * MS }, true, 11 * MS },
		{ { MB + 1, 1000 * MB, 10 * MS, 2 * MS }, false, 11 * MS + 1 },
		/* Unknown bandwidth, and sums that do not fit. */
		{ { 4096, 0, 0, UINT64_MAX - 1 }, false, UINT64_MAX },
		{ { UINT64_MAX, 1, 5, 300 * MS }, false, UINT64_MAX },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(policy_should_stop(&rows[i].in), rows[i].stop);
		assert_int_equal(policy_expected_downtime_ns(&rows[i].in),
				 rows[i].expected_ns);
	}
}

static void test_bandwidth(void **state)
{
	assert_int_equal(policy_bandwidth(0, 100 * MB, 100 * MS), 1000 * MB);
	/* A long round is believed, up and down. */
	assert_int_equal(policy_bandwidth(2000 * MB, 100 * MB, 100 * MS),
			 1000 * MB);
	/* A short one only upwards. */
	assert_int_equal(policy_bandwidth(2000 * MB, 4096, MS), 2000 * MB);
	assert_int_equal(policy_bandwidth(MB, 4096, MS), 4096000);
	assert_int_equal(policy_bandwidth(0, 0, 0), 0);
	assert_int_equal(policy_bandwidth(0, UINT64_MAX, 1), UINT64_MAX);
}

/* What a page takes: wire bytes against wire bytes. */
static void test_page_bytes(void **state)
{
	static const struct {
		uint64_t previous, wire_bytes, pages, expected;
	} rows[] = {
		{ 0, 1000 * 1024, 1000, 1024 },
		/* A round that tells is believed, up and down. */
		{ 4096, 1000 * 1024, 1000, 1024 },
		{ 100, 1000 * 1024, 1000, 1024 },
		/* One that does not, only upwards. */
		{ 2048, 10 * 1024, 10, 2048 },
		{ 512, 10 * 1024, 10, 1024 },
		/* Nothing sent: as before, or the worst. */
		{ 777, 500, 0, 777 },
		{ 0, 500, 0, 4096 },
		/* Headers are not the page's. */
		{ 0, 4200 * 1000, 1000, 4096 },
		{ 0, 5, 1000, 1 },
		{ 0, UINT64_MAX, 1, 4096 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(policy_page_bytes(rows[i].previous,
						   rows[i].wire_bytes,
						   rows[i].pages),
				 rows[i].expected);
}

static void test_mul_div(void **state)
{
	assert_int_equal(policy_mul_div(UINT64_MAX, 10, 20), UINT64_MAX / 2);
	assert_int_equal(policy_mul_div(UINT64_MAX, 2, 1), UINT64_MAX);
	assert_int_equal(policy_mul_div(5, 5, 0), UINT64_MAX);
}

/* A sender on a clock of its own; each sleep takes @late_ns too long. */
static uint64_t simulate(uint64_t rate, uint64_t batch, uint64_t late_ns,
			 uint64_t span_ns)
{
	struct limiter l = { .at_ns = 1 };
	uint64_t now_ns = 1, sent = 0, delay_ns;

	while (now_ns < span_ns) {
		delay_ns = limiter_delay_ns(&l, now_ns, rate);
		if (delay_ns) {
			assert_true(delay_ns <= LIMITER_SLICE_NS);
			now_ns += delay_ns + late_ns;
			continue;
		}
		limiter_sent(&l, batch);
		sent += batch;
		now_ns += 1000;
	}
	return sent;
}

static void test_sparser(void **state)
{
	static const struct {
		uint64_t sent_pages, sent_runs, pages, runs;
		unsigned int max_pages;
		uint64_t times;
	} rows[] = {
		/* nothing is compressed together; nothing is left */
		{ 1000, 1, 100, 100, 0, 1 },
		{ 1000, 1, 100, 100, 1, 1 },
		{ 1000, 1, 0, 0, 16, 16 },
		/* all of it, then single pages; then single ones again */
		{ 100000, 2, 100, 100, 16, 16 },
		{ 100000, 2, 400, 100, 16, 4 },
		{ 400, 100, 100, 100, 16, 4 },
		{ 100, 100, 100, 100, 16, 1 },
		{ 100, 100, 1600, 10, 16, 1 },
		/* longer than what goes together makes no difference */
		{ 100000, 2, 3200, 100, 16, 1 },
		{ 0, 0, 100, 100, 16, 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(policy_sparser(rows[i].sent_pages,
						rows[i].sent_runs,
						rows[i].pages, rows[i].runs,
						rows[i].max_pages),
				 rows[i].times);
}

static void test_limiter(void **state)
{
	static const uint64_t rates[] = { 100000,      MB,	  10 * MB,
					  100 * MB,    1000 * MB, 3000 * MB,
					  333 * MB + 7 };
	size_t i;

	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t batch = rates[i] / 50 < 4096 ? 4096 : rates[i] / 50;
		uint64_t sent =
			simulate(rates[i], batch, 300000, 20 * NSEC_PER_SEC);
		double ratio = (double)sent / 20.0 / (double)rates[i];

		assert_true(ratio > 0.97 && ratio < 1.03);
	}
}

/* No limit leaves no debt and no credit behind. */
static void test_limiter_change(void **state)
{
	struct limiter l = { 0 };

	limiter_sent(&l, 100 * MB);
	assert_true(limiter_delay_ns(&l, NSEC_PER_SEC, MB) > 0);
	assert_int_equal(limiter_delay_ns(&l, NSEC_PER_SEC, 0), 0);
	assert_int_equal(limiter_delay_ns(&l, NSEC_PER_SEC, MB), 0);
	limiter_sent(&l, MB);
	/* Ten times the rate: paid off in a tenth of the time. */
	assert_int_equal(limiter_delay_ns(&l, NSEC_PER_SEC + 100 * MS, 10 * MB),
			 0);
	/* A long silence earns no burst. */
	limiter_delay_ns(&l, 100 * NSEC_PER_SEC, 10 * MB);
	limiter_sent(&l, MB);
	assert_true(limiter_delay_ns(&l, 100 * NSEC_PER_SEC, 10 * MB) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_bandwidth),
		cmocka_unit_test(test_page_bytes),
		cmocka_unit_test(test_sparser),
		cmocka_unit_test(test_mul_div),
		cmocka_unit_test(test_limiter),
		cmocka_unit_test(test_limiter_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
