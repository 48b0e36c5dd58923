/* SPDX-License-Identifier: MIT */
/* Does the sampler tell progress from copies, and blackout from pacing? */
#include "drive/sampler.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "unit/unit.h"

#define MS NSEC_PER_MSEC
/* TSC ticks are our ns, but for an offset: easy to follow. */
#define HZ NSEC_PER_SEC
#define TSC(ns) ((ns)-50 * MS)

/* Looks one after another, from a first one that is no progress. */
static struct sampler_vcpu see(const struct sampler_look *look, size_t nr,
			       uint64_t tsc_hz)
{
	struct guest_clock clock = { .tsc_hz = tsc_hz };
	struct sampler_vcpu seen = { 0 };
	size_t i;

	for (i = 0; i < nr; i++)
		sampler_see(&clock, &seen, &look[i], !i);
	return seen;
}

#define SEE(...)                                                               \
	see((const struct sampler_look[]){ __VA_ARGS__ },                      \
	    sizeof((const struct sampler_look[]){ __VA_ARGS__ }) /             \
		    sizeof(struct sampler_look),                               \
	    HZ)

static void test_first_look_is_no_progress(void **state)
{
	struct sampler_vcpu v = SEE({ .steps = 9, .now_ns = 100 * MS },
				    { .steps = 9, .now_ns = 101 * MS });

	assert_int_equal(v.steps, 9);
	assert_int_equal(v.last_source_ns, 0);
	/* From 0 is progress as from anywhere. */
	v = SEE({ .steps = 0, .now_ns = 100 * MS },
		{ .steps = 1, .now_ns = 101 * MS });
	assert_int_equal(v.last_source_ns, 101 * MS);
}

static void test_copies_are_no_progress(void **state)
{
	struct sampler_vcpu v =
		SEE({ .steps = 1, .now_ns = 100 * MS },
		    { .steps = 5, .now_ns = 101 * MS, .target_steps = 4 },
		    { .steps = 7, .now_ns = 102 * MS, .target_steps = 5 },
		    { .steps = 7, .now_ns = 103 * MS, .target_steps = 7 });

	assert_int_equal(v.last_source_ns, 102 * MS);
	assert_int_equal(v.first_target_ns, 0);
	/* A newer copy than the last look, but the source is ahead of it. */
	v = SEE({ .steps = 1, .now_ns = 100 * MS },
		{ .steps = 5, .now_ns = 101 * MS },
		{ .steps = 9, .now_ns = 110 * MS, .target_steps = 8 });
	assert_int_equal(v.first_target_ns, 0);
}

static void test_progress_beyond_the_source(void **state)
{
	struct sampler_vcpu v =
		SEE({ .steps = 1, .now_ns = 100 * MS },
		    { .steps = 7, .step_tsc = 11, .now_ns = 101 * MS },
		    { .steps = 7,
		      .step_tsc = 11,
		      .now_ns = 120 * MS,
		      .target_steps = 8,
		      .target_tsc = 22 },
		    { .steps = 7,
		      .step_tsc = 11,
		      .now_ns = 130 * MS,
		      .target_steps = 9,
		      .target_tsc = 33 });

	assert_int_equal(v.steps, 7);
	assert_int_equal(v.last_source_ns, 101 * MS);
	assert_int_equal(v.source_tsc, 11);
	assert_int_equal(v.first_target_ns, 120 * MS);
	assert_int_equal(v.target_tsc, 22);
	/* A target ahead of a vCPU that never stepped proves nothing. */
	v = SEE({ .steps = 1, .now_ns = 100 * MS, .target_steps = 3 });
	assert_int_equal(v.first_target_ns, 0);
}

static void test_pause_in_our_time(void **state)
{
	const struct sampler_look look[] = {
		{ .steps = 1, .now_ns = 100 * MS },
		/* Seen late: the clock is taken from the fastest look. */
		{ .steps = 2, .step_tsc = TSC(101 * MS), .now_ns = 109 * MS },
		{ .steps = 3, .step_tsc = TSC(110 * MS), .now_ns = 110 * MS },
		{ .steps = 4,
		  .step_tsc = TSC(111 * MS),
		  .wait_until_tsc = TSC(118 * MS),
		  .now_ns = 114 * MS },
	};
	struct sampler_vcpu v = see(look, 4, HZ);
	/* Old bounds widen: 4 ms at 500 ppm. */
	const uint64_t drift = 2000;

	assert_int_equal(v.last_source_ns, 111 * MS + drift);
	assert_int_equal(v.wait_until_ns, 118 * MS + drift);
	/* No clock: when it was seen, and no correction. */
	v = see(look, 4, 0);
	assert_int_equal(v.last_source_ns, 114 * MS);
	assert_int_equal(v.wait_until_ns, 0);
	/* A pause before the last step is over. */
	v = SEE({ .steps = 1, .now_ns = 100 * MS },
		{ .steps = 2,
		  .step_tsc = TSC(101 * MS),
		  .wait_until_tsc = TSC(100 * MS),
		  .now_ns = 101 * MS });
	assert_int_equal(v.wait_until_ns, 0);
}

static void test_errors(void **state)
{
	/* A pair of close looks, then none for long. */
	const struct sampler_look look[] = {
		{ .steps = 1, .step_tsc = TSC(99 * MS), .now_ns = 100 * MS },
		{ .steps = 2,
		  .step_tsc = TSC(100 * MS + 4000),
		  .after_ns = 100 * MS,
		  .now_ns = 100 * MS + 5000 },
		{ .steps = 3,
		  .step_tsc = TSC(102 * MS),
		  .after_ns = 100 * MS + 4500,
		  .now_ns = 110 * MS,
		  .target_steps = 4 },
	};
	struct sampler_result r = { .nr_vcpus = 1 };
	struct sampler_vcpu v = see(look, 2, HZ);
	uint64_t ns = 77;

	assert_int_equal(v.last_source_ns, 100 * MS + 5000);
	assert_int_equal(v.source_error_ns, 5000);
	assert_false(sampler_resolution_ns(&r, &ns));
	assert_int_equal(ns, 77);
	v = see(look, 3, HZ);
	/* By its stamp, 1 us from the last look's: 8 ms of drift (and back). */
	assert_in_range(v.last_source_ns, 102 * MS, 102 * MS + 6000);
	assert_in_range(v.last_source_ns - v.source_error_ns, 102 * MS - 9000,
			102 * MS);
	assert_int_equal(v.first_target_ns, 110 * MS);
	assert_int_equal(v.target_error_ns, 10 * MS - 4500);
	r.vcpu[0] = v;
	assert_true(sampler_resolution_ns(&r, &ns));
	assert_int_equal(ns, v.source_error_ns + v.target_error_ns);
	/* Without a clock, what the looks say. */
	v = see(look, 3, 0);
	assert_int_equal(v.last_source_ns, 110 * MS);
	assert_int_equal(v.source_error_ns, 10 * MS - 4500);
}

static void test_blackout(void **state)
{
	static const struct {
		const char *what;
		struct sampler_vcpu a, b;
		bool ok;
		uint64_t ns;
	} rows[] = {
		{ "nothing moved", { 0 }, { 0 }, false, 0 },
		{ "one is missing",
		  { .last_source_ns = 10, .first_target_ns = 30 },
		  { .last_source_ns = 10 },
		  false,
		  0 },
		{ "the longest counts",
		  { .last_source_ns = 10, .first_target_ns = 30 },
		  { .last_source_ns = 5, .first_target_ns = 40 },
		  true,
		  35 },
		{ "no step on the source",
		  { .last_source_ns = 10, .first_target_ns = 30 },
		  { .steps = 3 },
		  true,
		  20 },
		{ "a pause is no blackout",
		  { .last_source_ns = 10,
		    .first_target_ns = 30,
		    .wait_until_ns = 25 },
		  { .last_source_ns = 29, .first_target_ns = 31 },
		  true,
		  5 },
		{ "a pause beyond all",
		  { .last_source_ns = 10,
		    .first_target_ns = 30,
		    .wait_until_ns = 90 },
		  { 0 },
		  true,
		  0 },
		{ "a pause that ended before",
		  { .last_source_ns = 10,
		    .first_target_ns = 30,
		    .wait_until_ns = 8 },
		  { 0 },
		  true,
		  20 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct sampler_result r = { .nr_vcpus = 2 };
		uint64_t ns = 77;

		r.vcpu[0] = rows[i].a;
		r.vcpu[1] = rows[i].b;
		if (sampler_blackout_ns(&r, &ns) != rows[i].ok ||
		    ns != (rows[i].ok ? rows[i].ns : 77))
			fail_msg("%s: %llu", rows[i].what,
				 (unsigned long long)ns);
	}
}

/* Counters as a guest has them, and a thread that looks at them. */

static void store(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELEASE);
}

/* Steps on the source until @s has seen each vCPU move to the target. The
 * target runs ahead of the source's last step, so one more never hides it. */
static void test_thread(void **state)
{
	static struct abi_vcpu source[3], target[3];
	const struct counters from = { .mapped = source, .nr_vcpus = 3 };
	const struct counters to = { .mapped = target, .nr_vcpus = 3 };
	struct sampler_result r;
	struct sampler *s;
	uint64_t step = 100, ns;

	memset(source, 0, sizeof(source));
	memset(target, 0, sizeof(target));
	assert_int_equal(sampler_start(&from, &to, HZ, &s), 0);
	assert_false(sampler_all_moved(s));
	/* vCPU 2 idles on both sides. */
	while (!sampler_all_moved(s)) {
		sampler_hurry(s);
		store(&source[0].steps, step);
		store(&source[1].steps, step);
		store(&target[0].steps, step + 1);
		store(&target[1].steps, step + 1);
		step++;
	}
	sampler_stop(s, &r);
	assert_int_equal(r.nr_vcpus, 3);
	assert_true(r.nr_samples >= 2);
	assert_true(r.longest_period_ns > 0);
	assert_int_equal(r.vcpu[2].last_source_ns, 0);
	assert_true(r.vcpu[0].last_source_ns && r.vcpu[1].first_target_ns);
	assert_true(sampler_blackout_ns(&r, &ns));
	assert_int_equal(counters_steps(&from), 2 * (step - 1));
}

/* One machine that stops and goes on in its place. False: the sampler came too
 * late to see it run at first. */
static bool stop_and_go(struct sampler_result *r, uint64_t *ret_stopped_ns,
			uint64_t *ret_cont_ns)
{
	static struct abi_vcpu live[1], copy[1];
	const struct counters same = { .mapped = live, .nr_vcpus = 1 };
	const struct counters frozen = { .mapped = copy, .nr_vcpus = 1 };
	uint64_t step = 0, until;
	struct sampler *s;
	bool moved;

	memset(live, 0, sizeof(live));
	assert_int_equal(sampler_start(&same, &same, HZ, &s), 0);
	until = clock_now_ns() + 3 * SAMPLER_CALM_NS;
	while (clock_now_ns() < until)
		store(&live[0].steps, ++step);
	copy[0].steps = step;
	sampler_hurry(s);
	sampler_replace_source(s, &frozen);
	*ret_stopped_ns = clock_now_ns();
	assert_false(sampler_all_moved(s));
	clock_sleep_until_ns(*ret_stopped_ns + MS);
	*ret_cont_ns = clock_now_ns();
	until = *ret_cont_ns + 200 * MS;
	do
		store(&live[0].steps, ++step);
	while (!sampler_all_moved(s) && clock_now_ns() < until);
	moved = sampler_all_moved(s);
	sampler_stop(s, r);
	return moved;
}

static void test_replaced_source(void **state)
{
	uint64_t stopped = 0, cont = 0, ns, error;
	struct sampler_result r;
	unsigned int tries = 100;

	while (tries-- && !stop_and_go(&r, &stopped, &cont))
		;
	assert_true(sampler_blackout_ns(&r, &ns));
	assert_true(sampler_resolution_ns(&r, &error));
	assert_true(r.vcpu[0].first_target_ns >= cont);
	assert_true(ns + error >= cont - stopped);
}

static void test_stop_at_once(void **state)
{
	static struct abi_vcpu vcpu[ABI_MAX_VCPUS];
	const struct counters all = { .mapped = vcpu,
				      .nr_vcpus = ABI_MAX_VCPUS };
	struct sampler_result r;
	struct sampler *s;

	assert_int_equal(sampler_start(&all, &all, 0, &s), 0);
	sampler_stop(s, &r);
	assert_int_equal(r.nr_vcpus, ABI_MAX_VCPUS);
	assert_int_equal(sampler_start(&all, &all, 0, &s), 0);
	sampler_stop(s, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_look_is_no_progress),
		cmocka_unit_test(test_copies_are_no_progress),
		cmocka_unit_test(test_progress_beyond_the_source),
		cmocka_unit_test(test_pause_in_our_time),
		cmocka_unit_test(test_blackout),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_replaced_source),
		cmocka_unit_test(test_stop_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
