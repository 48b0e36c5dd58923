/* SPDX-License-Identifier: MIT */
/* Devices with data of their own: what goes when, and who refuses what. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "session.h"

static void start(struct session *s)
{
	session_init(s, (unsigned int[]){ 40, 70 }, 2, 5);
	s->from.writes_per_touch = 3;
	s->from.writes_left = 40;
}

static void add(struct session *s, size_t early, size_t late)
{
	fake_vm_add_device(&s->from, early, late);
	fake_vm_add_device(&s->to, 0, 0);
}

/* Sizes around those of a record; session_run() compares the machines. */
static void test_sizes(void **state)
{
	static const size_t sizes[] = {
		0, 1, 4096, 1u << 20, (1u << 20) + 1, 1234567
	};
	const size_t nr = sizeof(sizes) / sizeof(sizes[0]);
	struct session s;
	size_t i, k;

	for (i = 0; i < nr; i++) {
		for (k = 0; k < nr; k++) {
			start(&s);
			add(&s, sizes[i], sizes[k]);
			session_run(&s);
			assert_int_equal(s.source_rc, 0);
			assert_int_equal(s.source_stats.device_bytes,
					 sizes[i] + sizes[k]);
			assert_int_equal(s.source_stats.device_final_bytes,
					 sizes[k]);
			assert_int_equal(s.target_stats.device_bytes,
					 sizes[i] + sizes[k]);
			session_exit(&s);
		}
	}
}

static void test_several(void **state)
{
	struct session s;

	start(&s);
	add(&s, 100, 5000);
	add(&s, 0, 3);
	add(&s, 1500000, 0);
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(s.source_stats.device_final_bytes, 5003);
	assert_true(s.source_stats.devices_ns >= s.source_stats.final_ram_ns &&
		    s.source_stats.devices_ns <= s.source_stats.state_saved_ns);
	assert_true(s.target_stats.devices_ns <=
		    s.target_stats.state_loaded_ns);
	session_exit(&s);
}

/* Whatever the memory says, it stops behind those bytes and not before. */
static void test_must(void **state)
{
	struct session s;
	unsigned int rounds;

	start(&s);
	s.from.writes_left = 0;
	add(&s, 10000, 10);
	session_run(&s);
	rounds = s.source_stats.nr_rounds;
	session_exit(&s);

	start(&s);
	s.from.writes_left = 0;
	add(&s, 10000, 10);
	s.from.device[0].must_bytes = 10000;
	s.from.device[0].step_bytes = 100;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(s.source_stats.device_final_bytes, 10);
	assert_true(s.source_stats.nr_rounds >= rounds + 90);
	session_exit(&s);
}

/* What is left after the pause counts for the downtime. */
static void test_left_counts(void **state)
{
	struct session s;

	start(&s);
	s.from.writes_left = 0;
	add(&s, 1000000, 0);
	s.from.device[0].step_bytes = 10000;
	s.params.downtime_limit_ns = 0;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_int_equal(s.source_stats.device_final_bytes, 0);
	session_exit(&s);
}

static void test_faults(void **state)
{
	static const struct {
		enum fake_fault fault;
		bool on_target;
		int source_rc, target_rc;
		const char *says;
	} rows[] = {
		{ FAKE_LEFT, false, -EIO, -ENODATA, "what its devices hold" },
		{ FAKE_READ, false, -EIO, -ENODATA, "give its devices' data" },
		{ FAKE_WRITE, true, -EPROTO, -EIO, "it does not like it" },
		{ FAKE_FINISH, true, -EPROTO, -EIO,
		  "device 0 did not take its data" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session s;

		start(&s);
		add(&s, 2000, 3000);
		(rows[i].on_target ? &s.to : &s.from)->fault = rows[i].fault;
		session_run(&s);
		assert_int_equal(s.source_rc, rows[i].source_rc);
		assert_int_equal(s.target_rc, rows[i].target_rc);
		assert_non_null(strstr(s.source_stats.error, rows[i].says));
		session_exit(&s);
	}
}

/* One side has more of them than the other. */
static void test_another_number(void **state)
{
	struct session s;

	start(&s);
	fake_vm_add_device(&s.from, 10, 10);
	session_run(&s);
	assert_int_equal(s.target_rc, -EPROTO);
	assert_non_null(strstr(s.source_stats.error,
			       "this machine has 0 such devices"));
	session_exit(&s);

	start(&s);
	fake_vm_add_device(&s.to, 0, 0);
	session_run(&s);
	assert_int_equal(s.target_rc, -EPROTO);
	assert_non_null(strstr(s.source_stats.error,
			       "before the last data of device 0"));
	session_exit(&s);
}

/* A device with much data is held to the rate, and a cancel ends that. */
static void test_rate(void **state)
{
	struct session s;

	start(&s);
	add(&s, 2000000, 0);
	s.params.max_bandwidth_bytes_per_s = 20000000;
	session_run(&s);
	assert_int_equal(s.source_rc, 0);
	assert_true(s.source_stats.total_ns > 60000000);
	session_exit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_must),
		cmocka_unit_test(test_left_counts),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_another_number),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
