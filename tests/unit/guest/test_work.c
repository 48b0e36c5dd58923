/* SPDX-License-Identifier: MIT */
/*
 * The guest's workload, compiled for the host: it needs no privilege, and
 * memory is memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "classify.h"
#include "work/page.h"
#include "work/stall.h"
#include "work_fixture.h"

static uint64_t verify(struct cpu *cpu)
{
	work_verify(cpu);
	assert_int_equal(cpu->result[0], cpu->slice_pages);
	return cpu->result[1];
}

static void run_and_verify(struct fixture *f)
{
	uint32_t i;

	for (i = 0; i < NR_CPUS; i++) {
		assert_int_equal(verify(&f->cpu[i]), 0);
		run(&f->cpu[i], 7);
		assert_int_equal(verify(&f->cpu[i]), 0);
		run(&f->cpu[i], 50);
		assert_int_equal(verify(&f->cpu[i]), 0);
		assert_int_equal(f->vcpu[i].nr_bad, 0);
	}
}

static void test_every_kind_verifies(void **state)
{
	uint32_t pattern, write, content, check;

	for (pattern = 1; pattern <= 5; pattern++)
		for (write = 1; write <= 3; write++)
			for (content = 1; content <= 5; content++)
				for (check = 0; check <= 1; check++) {
					begin(*state, pattern, write, content,
					      check);
					run_and_verify(*state);
					if (write != ORACLE_WRITE_PAGE)
						continue;
					begin(*state, pattern, write, content,
					      check);
					work.oracle.delta_bytes = 192;
					run_and_verify(*state);
				}
}

/* As kern/tempo.c does it, between two runs. */
static void change(struct cpu *cpu, uint32_t order)
{
	cpu->log->nr++;
	cpu->log->change[cpu->log->nr] = cpu->vcpu->steps << 8 | order;
}

/* The check before overwriting knows what older stretches left. */
static void test_orders_change(void **state)
{
	static const uint32_t orders[] = { 1, 2, 0, 2, 1, 0, 0, 1 };
	struct fixture *f = *state;
	uint32_t i, j, check;

	for (check = 0; check <= 1; check++) {
		begin(f, ORACLE_RANDOM, ORACLE_WRITE_LINE, ORACLE_CONTENT_TEXT,
		      check);
		work.oracle.nr_orders = 3;
		work.oracle.order[1] =
			(struct oracle_order){ ORACLE_HOTCOLD, 0, 20, 80 };
		work.oracle.order[2] =
			(struct oracle_order){ ORACLE_STRIDED, 4, 0, 0 };
		for (i = 0; i < NR_CPUS; i++) {
			for (j = 0; j < 8; j++) {
				run(&f->cpu[i], 5 * j);
				change(&f->cpu[i], orders[j]);
				assert_int_equal(verify(&f->cpu[i]), 0);
			}
			run(&f->cpu[i], 90);
			assert_int_equal(verify(&f->cpu[i]), 0);
			assert_int_equal(f->vcpu[i].nr_bad, 0);
		}
	}
}

static void test_attention_stops_at_a_boundary(void **state)
{
	struct fixture *f = *state;
	struct cpu *cpu = &f->cpu[0];

	begin(f, ORACLE_RANDOM, ORACLE_WRITE_PAGE, ORACLE_CONTENT_RANDOM, true);
	run(cpu, 3);
	cpu->attention = 1;
	cpu->step_limit = UINT64_MAX;
	assert_int_equal(work_run(cpu), WORK_PAUSED);
	assert_int_equal(cpu->vcpu->steps, 3);
	cpu->attention = 0;
	assert_int_equal(verify(cpu), 0);
}

static void test_damage_is_found_inline_and_by_verify(void **state)
{
	struct fixture *f = *state;
	struct cpu *cpu = &f->cpu[1];
	uint64_t gfn;
	uint8_t *page;

	begin(f, ORACLE_SEQUENTIAL, ORACLE_WRITE_PAGE, ORACLE_CONTENT_RANDOM,
	      true);
	run(cpu, 2);
	gfn = oracle_gfn(&work.oracle, cpu->slice_first + 4);
	page = work_page(gfn);
	page[100] ^= 0x10;
	assert_int_equal(verify(cpu), 1);
	assert_int_equal(f->bad[1].entry[0].found_by, ABI_FOUND_VERIFY);
	cpu->step_limit = UINT64_MAX;
	assert_int_equal(work_run(cpu), WORK_FOUND_BAD);
	/* The step that found it is done, and went over the damage. */
	assert_int_equal(cpu->vcpu->steps, 5);
	assert_int_equal(cpu->vcpu->nr_bad, 2);
	assert_int_equal(f->bad[1].nr, 2);
	assert_int_equal(f->bad[1].entry[1].gfn, gfn);
	assert_int_equal(f->bad[1].entry[1].kind, ORACLE_FLIPPED);
	assert_int_equal(f->bad[1].entry[1].found_by, ABI_FOUND_INLINE);
	assert_int_equal(f->bad[1].entry[1].first_offset, 100);
	assert_int_equal(f->bad[1].entry[1].nr_bytes, 1);
	assert_int_equal(verify(cpu), 0);
	assert_int_equal(f->bad[0].nr, 0);
}

static void test_bad_log_does_not_overflow(void **state)
{
	struct fixture *f = *state;
	struct cpu *cpu = &f->cpu[0];
	uint64_t i;

	begin(f, ORACLE_RANDOM, ORACLE_WRITE_STAMP, ORACLE_CONTENT_RANDOM,
	      true);
	memset(work_page(oracle_gfn(&work.oracle, 0)), 0, 4096);
	for (i = 0; i < ABI_BAD_ENTRIES + 10; i++)
		assert_int_equal(verify(cpu), 1);
	assert_int_equal(f->bad[0].nr, ABI_BAD_ENTRIES + 10);
	assert_int_equal(f->bad[0].entry[ABI_BAD_ENTRIES - 1].kind,
			 ORACLE_ZEROED);
	assert_int_equal(f->bad[1].nr, 0);
}

static void test_stall_keeps_the_longest(void **state)
{
	struct abi_stall s = { 0 };
	uint64_t i, shortest = UINT64_MAX;

	for (i = 1; i <= 100; i++)
		stall_record(&s, 1000, 1000 + i * 37 % 101 * 10, i);
	/* The TSC stepped back. */
	stall_record(&s, 1000, 900, 101);
	assert_int_equal(s.nr_steps, 101);
	assert_int_equal(s.bucket[0], 1);
	assert_int_equal(s.max_ticks, 1000);
	for (i = 0; i < ABI_STALL_GAPS; i++) {
		uint64_t gap = s.gap[i].end_tsc - s.gap[i].start_tsc;

		shortest = gap < shortest ? gap : shortest;
	}
	assert_int_equal(shortest, 850);
	assert_int_equal(s.floor_ticks, 850);
}

static void test_pause_is_no_stall(void **state)
{
	struct fixture *f = *state;
	struct cpu *cpu = &f->cpu[0];

	begin(f, ORACLE_RANDOM, ORACLE_WRITE_STAMP, ORACLE_CONTENT_RANDOM,
	      false);
	cpu->vcpu->step_tsc = rdtsc() - (1ull << 40);
	cpu->vcpu->wait_until_tsc = rdtsc();
	run(cpu, 1);
	assert_true(cpu->stall->max_ticks < 1ull << 39);
}

static void test_zero_and_clean(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = f->area;
	size_t i;

	work.nr_all = 1;
	work.all[0] =
		(struct oracle_range){ (uint64_t)f->area >> 12, NR_PAGES };
	memset(f->area, 1, NR_PAGES * 4096);
	work.zero_first = 3;
	work.zero_end = NR_PAGES;
	for (i = 0; i < NR_CPUS; i++) {
		f->cpu[i].index = (uint32_t)i;
		work_zero(&f->cpu[i]);
	}
	for (i = 0; i < NR_PAGES * 4096; i++)
		assert_int_equal(bytes[i], i < 3 * 4096);
	work_clean_now((uint64_t)f->area, 3 * 4096);
	for (i = 0; i < 3 * 4096; i++)
		assert_int_equal(bytes[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_kind_verifies,
						work_setup, work_teardown),
		cmocka_unit_test_setup_teardown(test_orders_change, work_setup,
						work_teardown),
		cmocka_unit_test_setup_teardown(
			test_attention_stops_at_a_boundary, work_setup,
			work_teardown),
		cmocka_unit_test_setup_teardown(
			test_damage_is_found_inline_and_by_verify, work_setup,
			work_teardown),
		cmocka_unit_test_setup_teardown(test_bad_log_does_not_overflow,
						work_setup, work_teardown),
		cmocka_unit_test(test_stall_keeps_the_longest),
		cmocka_unit_test_setup_teardown(test_pause_is_no_stall,
						work_setup, work_teardown),
		cmocka_unit_test_setup_teardown(test_zero_and_clean, work_setup,
						work_teardown),
	};

	return cmocka_run_group_tests_name("guest_work", tests, NULL, NULL);
}
