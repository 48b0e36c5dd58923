/* SPDX-License-Identifier: MIT */
/* From three beats to what the clocks did. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drive/timekeeping.h"

#define HZ 2000000000ull
#define MS 1000000ull
#define PERIOD_MS 100u
#define STOP_MS 30.0

/* Marks at 1000, 2000 and 2500 ms of ours; clocks off by as much. */
static void make(struct timekeeping_mark m[3], double tsc_ms, double kvm_ms)
{
	static const uint64_t at_ms[] = { 1000, 2000, 2500 };
	int i;

	for (i = 0; i < 3; i++) {
		double tsc = (double)at_ms[i] + 5000 + (i == 2 ? tsc_ms : 0);
		double kvm = (double)at_ms[i] + 100 + (i == 2 ? kvm_ms : 0);

		m[i] = (struct timekeeping_mark){
			.beat.tsc = (uint64_t)(tsc * (double)HZ / 1000),
			.beat.kvm_ns = (uint64_t)(kvm * (double)MS),
			.nr = at_ms[i] / PERIOD_MS,
			.host_ns = at_ms[i] * MS,
			.error_ns = 200000,
		};
	}
}

static const struct abi_beat_log head = { .period_ticks = HZ / 10,
					  .clocks = ABI_CLOCK_KVM };

static const struct timekeeping asked = { .period_ms = PERIOD_MS,
					  .stop_ms = STOP_MS };

static void clocks_are_told_apart(void **state)
{
	static const struct {
		double tsc_ms, kvm_ms;
		enum timekeeping_did tsc, kvm;
		double tsc_left, kvm_left;
	} rows[] = {
		{ 0, 0, TIMEKEEPING_RAN, TIMEKEEPING_RAN, 0, 0 },
		{ -30, 0, TIMEKEEPING_STOOD, TIMEKEEPING_RAN, 0, 0 },
		{ 0, -29, TIMEKEEPING_RAN, TIMEKEEPING_STOOD, 0, 1 },
		{ 50, 0, TIMEKEEPING_JUMPED, TIMEKEEPING_RAN, 50, 0 },
		{ -250, 9, TIMEKEEPING_JUMPED, TIMEKEEPING_RAN, -220, 9 },
		{ 0, 3600000, TIMEKEEPING_RAN, TIMEKEEPING_JUMPED, 0, 3600000 },
	};
	struct timekeeping_mark m[3];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct timekeeping t = asked;

		make(m, rows[i].tsc_ms, rows[i].kvm_ms);
		timekeeping_judge(&head, m, HZ, &t);
		assert_true(t.measured);
		assert_int_equal(t.clock[TIMEKEEPING_TSC].did, rows[i].tsc);
		assert_int_equal(t.clock[TIMEKEEPING_KVM].did, rows[i].kvm);
		assert_false(t.clock[TIMEKEEPING_HV].present);
		assert_true(fabs(t.clock[TIMEKEEPING_TSC].unexplained_ms -
				 rows[i].tsc_left) < 0.001);
		assert_true(fabs(t.clock[TIMEKEEPING_KVM].unexplained_ms -
				 rows[i].kvm_left) < 0.001);
		assert_true(fabs(t.clock[TIMEKEEPING_TSC].drift_ppm) < 0.1);
	}
}

static void ticks_are_counted(void **state)
{
	struct timekeeping t = asked;
	struct timekeeping_mark m[3];

	make(m, 0, 0);
	m[2].nr += 3;
	timekeeping_judge(&head, m, HZ, &t);
	assert_int_equal(t.doubled_ticks, 3);
	assert_int_equal(t.lost_ticks, 0);

	/* Two left out, and so said. */
	make(m, 0, 0);
	m[2].nr -= 2;
	m[2].lost = 2;
	timekeeping_judge(&head, m, HZ, &t);
	assert_int_equal(t.doubled_ticks, 0);
	assert_int_equal(t.lost_ticks, 2);
}

static void nonsense_is_not_measured(void **state)
{
	struct timekeeping_mark m[3];
	struct abi_beat_log off = head;
	struct timekeeping t;
	int i;

	for (i = 0; i < 5; i++) {
		t = asked;
		make(m, 0, 0);
		if (i < 3)
			m[i].nr = 0;
		else if (i == 3)
			m[2].host_ns = m[1].host_ns;
		else
			off.period_ticks = 0;
		timekeeping_judge(&off, m, HZ, &t);
		assert_false(t.measured);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_are_told_apart),
		cmocka_unit_test(ticks_are_counted),
		cmocka_unit_test(nonsense_is_not_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
