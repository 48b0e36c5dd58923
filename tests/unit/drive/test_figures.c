/* SPDX-License-Identifier: MIT */
/* Are the figures of a sample what the moments and counters say? */
#include "drive/run_internal.h"

#include <math.h>

#include "base/clock.h"
#include "unit/unit.h"

#define MS NSEC_PER_MSEC
#define PAGES_PER_S(n) ((double)(n)*ABI_PAGE_BYTES)

static const char source_text[] =
	"{'x-vmferry': {"
	" 'wire-bytes': 123456789, 'state-bytes': 4321,"
	" 'moments': {'pause-begin-ns': 1000000000, 'paused-ns': 1002000000,"
	"  'final-ram-ns': 1007000000, 'state-saved-ns': 1008000000},"
	" 'rounds': [{'start-ns': 2500000, 'duration-ns': 1000000, 'pages': 9,"
	"  'zero-pages': 4, 'wire-bytes': 20500, 'dirty-pages-after': 3},"
	"  {'pages': 'many'}, 7]}}";
static const char target_text[] =
	"{'x-vmferry': {'moments': {'state-loaded-ns': 1010000000,"
	" 'go-ns': 1010500000, 'resumed-ns': 1011000000}}}";

struct fixture {
	struct run run;
	struct run_settings set;
	struct run_sample out;
};

static json_t *parse(const char *text)
{
	char json[1024];
	json_t *value;
	size_t i;

	for (i = 0; text[i]; i++)
		json[i] = text[i] == '\'' ? '"' : text[i];
	json[i] = '\0';
	value = json_loads(json, 0, NULL);
	assert_non_null(value);
	return value;
}

/* A migration in which all went well, of one vCPU. */
static void good(struct fixture *f)
{
	f->set = (struct run_settings){
		.nr_vcpus = 1,
		.workload.base = { .nr_rates = 1,
				   .rate_bytes_per_s = { 1000 } },
	};
	f->run = (struct run){
		.set = &f->set,
		.out = &f->out,
		.tsc_hz = NSEC_PER_SEC,
		.have_seen = true,
		.seen = { .nr_vcpus = 1,
			  .vcpu[0] = { .last_source_ns = 1001 * MS,
				       .source_error_ns = MS / 8,
				       .target_error_ns = MS / 8,
				       .source_tsc = 5000 * MS,
				       .target_tsc = 5012 * MS,
				       .first_target_ns = 1013 * MS } },
		/* 2000 pages/s before, 1000 during, 4000 after. */
		.warm = { .ns = 1 * MS, .steps = 10 },
		.begin = { .ns = 501 * MS, .steps = 1010 },
		.end = { .ns = 1011 * MS, .steps = 1520 },
		.again = { .ns = 2000 * MS, .steps = 1520 },
		.after = { .ns = 2500 * MS, .steps = 3520 },
		.active_ns = 503 * MS,
		.done_ns = 1001 * MS,
		.stop_ns = 1002 * MS,
		.resume_ns = 1011 * MS,
		.source_stats = parse(source_text),
		.target_stats = parse(target_text),
	};
	run_sample_init(&f->out);
}

static void done(struct fixture *f)
{
	json_decref(f->run.source_stats);
	json_decref(f->run.target_stats);
	run_sample_exit(&f->out);
}

static void near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-9 * (1 + fabs(want))))
		fail_msg("%.17g, not %.17g", got, want);
}

static void test_good(void **state)
{
	struct fixture f;

	good(&f);
	run_figures(&f.run);
	near(f.out.total_ms, 500);
	near(f.out.setup_ms, 2);
	near(f.out.wire_bytes, 123456789);
	near(f.out.state_bytes, 4321);
	near(f.out.downtime_ms, 9);
	near(f.out.blackout_ms, 12);
	near(f.out.sampler_resolution_ms, 0.25);
	near(f.out.rate_target, 1000);
	near(f.out.rate_before, PAGES_PER_S(2000));
	near(f.out.rate_during, PAGES_PER_S(1000));
	near(f.out.rate_after, PAGES_PER_S(4000));
	/* Half of 510 ms is lost, 12 of it to the blackout. */
	near(f.out.brownout_ms, 255);
	near(f.out.stop_ms, 2);
	near(f.out.final_ram_ms, 5);
	near(f.out.device_save_ms, 1);
	near(f.out.device_load_ms, 2);
	near(f.out.resume_ms, 1);
	near(f.out.first_step_ms, 2);
	assert_int_equal(f.out.tsc_ran, 1);
	assert_ptr_equal(f.out.vmm_reported, f.run.source_stats);
	done(&f);
}

static void test_rounds(void **state)
{
	double start, duration;
	json_int_t pages, zero, wire, after;
	struct fixture f;

	good(&f);
	run_figures(&f.run);
	/* Odd entries of a VMM that lies make rounds of zeros, no crash. */
	assert_int_equal(json_array_size(f.out.rounds), 3);
	assert_int_equal(json_unpack(json_array_get(f.out.rounds, 0),
				     "{s:F, s:F, s:I, s:I, s:I, s:I}",
				     "start_ms", &start, "duration_ms",
				     &duration, "pages", &pages, "zero_pages",
				     &zero, "wire_bytes", &wire,
				     "dirty_pages_after", &after),
			 0);
	near(start, 2.5);
	near(duration, 1);
	assert_int_equal(pages, 9);
	assert_int_equal(zero, 4);
	assert_int_equal(wire, 20500);
	assert_int_equal(after, 3);
	done(&f);
}

static void test_held(void **state)
{
	struct fixture f;

	good(&f);
	f.run.hold = true;
	f.run.resume_ns = 0;
	run_figures(&f.run);
	assert_true(isnan(f.out.downtime_ms));
	assert_true(isnan(f.out.blackout_ms));
	assert_false(isnan(f.out.brownout_ms)); /* ends at the stop */
	assert_true(isnan(f.out.resume_ms));
	assert_true(isnan(f.out.first_step_ms));
	/* What happened before the hold is known all the same. */
	near(f.out.device_load_ms, 2);
	near(f.out.rate_during, PAGES_PER_S(1000));
	assert_int_equal(f.out.tsc_ran, 1);
	done(&f);
}

static void test_nothing_known(void **state)
{
	struct fixture f;

	good(&f);
	json_object_clear(f.run.source_stats);
	json_decref(f.run.target_stats);
	f.run.target_stats = NULL;
	f.run.have_seen = false;
	f.run.stop_ns = f.run.active_ns = f.run.done_ns = 0;
	f.run.warm.ns = 0;
	f.run.end = f.run.again = f.run.after = (struct run_mark){ 0, 0 };
	run_figures(&f.run);
	assert_true(isnan(f.out.total_ms) && isnan(f.out.setup_ms));
	assert_true(isnan(f.out.wire_bytes) && isnan(f.out.state_bytes));
	assert_true(isnan(f.out.kernel_bytes));
	assert_true(isnan(f.out.downtime_ms) && isnan(f.out.blackout_ms));
	assert_true(isnan(f.out.rate_before) && isnan(f.out.rate_during));
	assert_true(isnan(f.out.rate_after) && isnan(f.out.brownout_ms));
	assert_true(isnan(f.out.stop_ms) && isnan(f.out.final_ram_ms));
	assert_true(isnan(f.out.device_save_ms));
	assert_true(isnan(f.out.device_load_ms));
	assert_true(isnan(f.out.resume_ms) && isnan(f.out.first_step_ms));
	assert_true(isnan(f.out.sampler_resolution_ms));
	assert_int_equal(f.out.tsc_ran, -1);
	assert_int_equal(json_array_size(f.out.rounds), 0);
	done(&f);
}

static json_int_t round_bytes(const struct fixture *f, size_t i)
{
	json_t *bytes =
		json_object_get(json_array_get(f->out.rounds, i), "wire_bytes");

	return json_is_null(bytes) ? -1 : json_integer_value(bytes);
}

/* The kernel's count stands beside the VMM's own, and in for it. */
static void test_kernel_counts(void **state)
{
	struct fixture f;

	good(&f);
	f.run.have_wire = true;
	f.run.wire = (struct run_wire){ .bytes = 1000, .nr_connections = 3 };
	run_figures(&f.run);
	near(f.out.wire_bytes, 123456789);
	near(f.out.kernel_bytes, 1000);
	assert_int_equal(f.out.nr_connections, 3);
	done(&f);

	good(&f);
	json_object_clear(f.run.source_stats);
	f.run.have_wire = true;
	f.run.wire = (struct run_wire){ .bytes = 1000, .nr_connections = 1 };
	f.run.nr_rounds = 3;
	f.run.round[0] = (struct run_round){ 502 * MS, 0 };
	f.run.round[1] = (struct run_round){ 600 * MS, 700 };
	/* Could not be read then. */
	f.run.round[2] = (struct run_round){ 700 * MS, UINT64_MAX };
	run_figures(&f.run);
	near(f.out.wire_bytes, 1000);
	assert_int_equal(json_array_size(f.out.rounds), 3);
	assert_int_equal(round_bytes(&f, 0), 700);
	assert_int_equal(round_bytes(&f, 1), -1);
	assert_int_equal(round_bytes(&f, 2), -1);
	done(&f);
}

static void test_odd_counters(void **state)
{
	struct fixture f;

	/* A counter that went back, a target that never stepped. */
	good(&f);
	f.run.after.steps = 3;
	f.run.seen.vcpu[0].first_target_ns = 0;
	run_figures(&f.run);
	assert_true(isnan(f.out.rate_after));
	assert_true(isnan(f.out.blackout_ms) && isnan(f.out.first_step_ms));
	assert_int_equal(f.out.tsc_ran, -1);
	done(&f);
	/* The first step, made before the resume() returned. */
	good(&f);
	f.run.seen.vcpu[0].first_target_ns = 1010 * MS;
	run_figures(&f.run);
	assert_true(f.out.first_step_ms == 0);
	done(&f);
	/* More work during than before is no negative brownout. */
	good(&f);
	f.run.end.steps = 9999;
	run_figures(&f.run);
	assert_true(f.out.brownout_ms == 0);
	done(&f);
}

static void test_tsc(void **state)
{
	struct fixture f;

	good(&f);
	/* The gap that shows it best is the longest: there it stood still. */
	f.run.seen.nr_vcpus = 2;
	f.run.seen.vcpu[1] = (struct sampler_vcpu){
		.last_source_ns = 1000 * MS,
		.first_target_ns = 1050 * MS,
		.source_tsc = 6000 * MS,
		.target_tsc = 6001 * MS,
	};
	run_figures(&f.run);
	assert_int_equal(f.out.tsc_ran, 0);
	near(f.out.blackout_ms, 50);
	done(&f);
	good(&f);
	f.run.tsc_hz = 0;
	run_figures(&f.run);
	assert_int_equal(f.out.tsc_ran, -1);
	done(&f);
}

static void test_clean(void **state)
{
	struct run_sample s;

	run_sample_init(&s);
	assert_false(run_sample_clean(&s)); /* not completed */
	s.completed = true;
	assert_false(run_sample_clean(&s)); /* no state was compared */
	s.state_compared = 30;
	assert_true(run_sample_clean(&s));
	s.integrity.coverage_pct = 99.99;
	assert_false(run_sample_clean(&s));
	s.integrity.coverage_pct = 100;
	assert_true(run_sample_clean(&s));
	s.two_runners = 1;
	assert_false(run_sample_clean(&s));
	s.two_runners = 0;
	s.state_differing = 1;
	assert_false(run_sample_clean(&s));
	s.state_differing = 0;
	s.integrity.unlisted = 1;
	assert_false(run_sample_clean(&s));
	s.integrity.unlisted = 0;
	findings_add(&s.integrity.findings, &(struct finding){ .gfn = 1 });
	assert_false(run_sample_clean(&s));
	run_sample_exit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_kernel_counts),
		cmocka_unit_test(test_odd_counters),
		cmocka_unit_test(test_tsc),
		cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
