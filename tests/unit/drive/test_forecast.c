/* SPDX-License-Identifier: MIT */
/* A migration on paper, against sums done by hand. */
#include <math.h>

#include "drive/forecast.h"
#include "unit/unit.h"

#define MIB 1048576.0

/* 25 600 pages (100 MiB) a second, for ever up to all of 1 GiB. */
static const struct dirty_curve steady = {
	.nr = 1, .second = { 1 }, .pages = { 25600 }, .most_pages = 262144
};
/* 1000 pages at once, and never more. */
static const struct dirty_curve hot = {
	.nr = 2,
	.second = { 0.001, 1 },
	.pages = { 1000, 1000 },
	.most_pages = 1000,
};
static const struct dirty_curve none = { .nr = 0 };

static const struct forecast_codec raw = { .page_bytes = 4096 };
/* 4:1, 40 us and 10 us a page. */
static const struct forecast_codec zlib = { 40e-6, 10e-6, 1024 };

static struct forecast_input input(const struct dirty_curve *dirty,
				   double link_mib)
{
	return (struct forecast_input){
		.pages = 262144,
		.dirty = dirty,
		.link_bytes_per_s = link_mib * MIB,
		.nr_cpus = 64,
		.nr_vcpus = 1,
		.limit_s = 0.3,
		.timeout_s = 120,
		.rule = FORECAST_WIRE,
	};
}

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 + 1e-3 * fabs(b);
}

static void rounds_add_up(void **state)
{
	static const struct {
		const struct dirty_curve *dirty;
		double link_mib;
		const struct forecast_codec *codec;
		unsigned int threads;
		bool converges;
		unsigned int rounds;
		double total_s, downtime_s, wire_mib;
		const char *bound;
	} rows[] = {
		/* One pass of 1024 MiB and an empty stop. */
		{ &none, 100, &raw, 1, true, 2, 10.24, 0, 1024, "link" },
		/* 1000 pages, 3.9 MiB, fit. */
		{ &hot, 100, &raw, 1, true, 2, 10.24 + 0.0390625, 0.0390625,
		  1027.906, "link" },
		/* 1024 at 200 MiB/s: 5.12 s, in which 512 MiB are dirtied: 2.56
		 * s; 256; 1.28; 128; 0.64; 64; 0.32: 32 MiB fit into 0.16 s. */
		{ &steady, 200, &raw, 1, true, 6, 10.08, 0.16, 2016, "link" },
		/* As much as the link carries: never. */
		{ &steady, 100, &raw, 1, false, 0, 0, 0, 0, "link" },
		/* The same with 256 MiB instead: 2.56 s, 64 MiB (dirtied 256
		 * raw): 0.64 s, 16 MiB fit into 0.16 s. */
		{ &steady, 100, &zlib, 8, true, 3, 3.36, 0.16, 336, "link" },
		/* One thread: 25 000 pages a second; 24.4 MiB/s of the link. */
		{ &none, 100, &zlib, 1, true, 2, 10.48576, 0, 256,
		  "compression" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct forecast_input in =
			input(rows[i].dirty, rows[i].link_mib);
		const struct forecast_setting set = { *rows[i].codec,
						      rows[i].threads, 8,
						      true };
		struct forecast f;

		forecast_run(&in, &set, &f);
		assert_int_equal(f.converges, rows[i].converges);
		assert_string_equal(f.bound, rows[i].bound);
		if (!f.converges)
			continue;
		assert_int_equal(f.rounds, rows[i].rounds);
		assert_true(near(f.total_s, rows[i].total_s));
		assert_true(near(f.downtime_s, rows[i].downtime_s));
		assert_true(near(f.wire_bytes, rows[i].wire_mib * MIB));
		assert_true(f.busy_ratio == 0);
	}
}

/* 25 000 pages by the thread are 24.4 MiB/s; 75.6 MiB/s of raw ones beside. */
static void without_waiting_the_rest_goes_raw(void **state)
{
	struct forecast_input in = input(&none, 100);
	const struct forecast_setting set = { zlib, 1, 1, false };
	double pages = 25000 + (100 * MIB - 25000 * 1024.0) / 4096;
	struct forecast f;

	forecast_run(&in, &set, &f);
	assert_true(near(f.busy_ratio, 1 - 25000 / pages));
	assert_true(near(f.total_s, 262144 / pages));
	/* Enough threads: nothing does. */
	forecast_run(&in, &(struct forecast_setting){ zlib, 8, 8, false }, &f);
	assert_true(f.busy_ratio == 0);
}

/* Two threads take one page each, then 64 go raw: 97 % of them. */
static void a_sender_ahead_of_its_link_finds_no_room(void **state)
{
	const struct forecast_setting set = { zlib, 2, 2, false };
	struct forecast_input in = input(&none, 100);
	double bytes = (2 * 1024 + 64 * 4096) / 66.0;
	struct forecast f;

	in.room = 1;
	in.burst_pages = 64;
	forecast_run(&in, &set, &f);
	assert_true(near(f.busy_ratio, 64 / 66.0));
	assert_true(near(f.total_s, 262144 * bytes / (100 * MIB)));
	/* No limit: the threads are what is waited for. */
	in.link_bytes_per_s = 0;
	forecast_run(&in, &set, &f);
	assert_true(f.busy_ratio != 64 / 66.0);
}

/* Two CPUs, 50 us a page for both sides: 40 000 pages/s however many threads;
 * a guest that keeps one CPU busy leaves 20 000 or, of many, a fair share. */
static void cpus_bound_what_threads_promise(void **state)
{
	struct forecast_input in = input(&none, 1000);
	const struct forecast_setting set = { zlib, 16, 16, true };
	struct forecast f;

	in.nr_cpus = 2;
	forecast_run(&in, &set, &f);
	assert_string_equal(f.bound, "cpus");
	assert_true(near(f.total_s, 262144 / 40000.0));
	in.guest_cpus = 0.01;
	forecast_run(&in, &set, &f);
	assert_true(near(f.total_s, 262144 / (1.99 / 50e-6)));
	in.guest_cpus = 1;
	forecast_run(&in, &set, &f);
	assert_true(near(f.total_s, 262144 / ((2 - 2.0 / 35) / 50e-6)));
}

/* Pushed aside, the guest dirties less. */
static void a_slowed_guest_dirties_less(void **state)
{
	struct forecast_input in = input(&steady, 0);
	const struct forecast_setting set = { zlib, 1, 1, true };
	struct forecast calm, slowed;

	forecast_run(&in, &set, &calm);
	in.nr_cpus = 2;
	in.guest_cpus = 1;
	forecast_run(&in, &set, &slowed);
	/* Of 2 CPUs and 5 threads it keeps 0.4. */
	assert_false(calm.converges);
	assert_true(slowed.converges);
}

static void the_rule_decides_the_stop(void **state)
{
	static const struct {
		enum forecast_rule rule;
		unsigned int rounds;
	} rows[] = { { FORECAST_WIRE, 3 },
		     { FORECAST_RAW, 4 },
		     { FORECAST_RAW_ANY_TIME, 6 } };
	const struct forecast_setting set = { zlib, 8, 8, true };
	struct forecast_input in = input(&steady, 100);
	struct forecast f;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		in.rule = rows[i].rule;
		forecast_run(&in, &set, &f);
		assert_true(f.converges);
		assert_int_equal(f.rounds, rows[i].rounds);
		assert_true(f.downtime_s <= in.limit_s);
	}
}

static void the_fixed_part_counts_half_at_most(void **state)
{
	const struct forecast_setting set = { raw, 1, 1, true };
	struct forecast_input in = input(&hot, 100);
	struct forecast f;

	/* 39 ms for the pages. */
	in.limit_s = 0.08;
	in.fixed_s = 1;
	forecast_run(&in, &set, &f);
	assert_true(f.converges && near(f.downtime_s, 1.0390625));
	in.limit_s = 0.07;
	forecast_run(&in, &set, &f);
	assert_false(f.converges);
}

/* 10.24 s in which 262 144 pages could be dirtied: of those sent in the middle
 * half the time is left. */
static void what_is_logged_behind_counts_half(void **state)
{
	const struct forecast_setting set = { raw, 1, 1, true };
	struct forecast_input in = input(&steady, 100);
	struct forecast f;

	in.logs_behind = true;
	in.limit_s = 5.2;
	forecast_run(&in, &set, &f);
	assert_true(f.converges && f.rounds == 2);
	assert_true(near(f.downtime_s, 5.12));
	in.logs_behind = false;
	forecast_run(&in, &set, &f);
	assert_false(f.converges);
}

static void zero_pages_cost_a_look(void **state)
{
	const struct forecast_setting set = { raw, 1, 1, true };
	struct forecast_input in = input(&none, 100);
	struct forecast f;

	in.zero_pages = 262144;
	in.zero_s = 1e-6;
	forecast_run(&in, &set, &f);
	assert_true(f.converges && near(f.total_s, 0.262144));
	assert_true(f.wire_bytes == 0);
}

static void the_better_one(void **state)
{
	static const struct {
		struct forecast a, b;
		bool better;
	} rows[] = {
		{ { .converges = true, .total_s = 9 }, { .total_s = 1 }, true },
		{ { .total_s = 1 },
		  { .converges = true, .total_s = 9 },
		  false },
		{ { .total_s = 1 }, { .total_s = 2 }, true },
		{ { .total_s = 1.01, .wire_bytes = 5 },
		  { .total_s = 1, .wire_bytes = 6 },
		  true },
		{ { .total_s = 1, .wire_bytes = 6 },
		  { .total_s = 1.01, .wire_bytes = 5 },
		  false },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(forecast_better(&rows[i].a, &rows[i].b),
				 rows[i].better);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rounds_add_up),
		cmocka_unit_test(without_waiting_the_rest_goes_raw),
		cmocka_unit_test(a_sender_ahead_of_its_link_finds_no_room),
		cmocka_unit_test(cpus_bound_what_threads_promise),
		cmocka_unit_test(a_slowed_guest_dirties_less),
		cmocka_unit_test(the_rule_decides_the_stop),
		cmocka_unit_test(the_fixed_part_counts_half_at_most),
		cmocka_unit_test(what_is_logged_behind_counts_half),
		cmocka_unit_test(zero_pages_cost_a_look),
		cmocka_unit_test(the_better_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
