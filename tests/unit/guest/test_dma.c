/* SPDX-License-Identifier: MIT */
/* DMA engines as workers: what the contract (abi/dma.h) says, done here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "classify.h"
#include "dma.h"
#include "work_fixture.h"

/* What abi/dma.h tells a device to do. Return: steps made; fewer = held. */
static uint64_t device_run(struct abi_dma_regs *r, uint64_t steps)
{
	struct oracle_cursor c;
	uint64_t i, visit, gfn;

	assert_true(abi_dma_regs_valid(r));
	oracle_cursor_seek(&c, &r->oracle, r->worker, NULL, r->steps);
	for (i = 0; i < steps; i++) {
		gfn = oracle_gfn(&r->oracle,
				 oracle_cursor_next(&c, &r->oracle, &visit));
		if (!oracle_page_ok(&r->oracle, gfn, visit - 1,
				    work_page(gfn))) {
			r->bad_gfn = gfn;
			r->bad_visit = visit - 1;
			break;
		}
		oracle_page(&r->oracle, gfn, visit, work_page(gfn));
		r->steps++;
		*(uint64_t *)r->counter_gpa = r->steps;
	}
	return i;
}

static void test_dma_engines_are_workers(void **state)
{
	struct fixture *f = *state;
	struct abi_dma_regs r;
	uint32_t pattern, content, i;

	for (pattern = 1; pattern <= 5; pattern++) {
		for (content = 1; content <= 5; content++) {
			begin_with(f, pattern, 1 + content % 3, content, true,
				   NR_DMA);
			/* Phases are the vCPUs' alone. */
			work.oracle.nr_orders = 2;
			work.oracle.order[1].pattern = ORACLE_SEQUENTIAL;
			for (i = 0; i < NR_DMA; i++) {
				struct abi_vcpu *v = &f->vcpu[NR_CPUS + i];

				r = (struct abi_dma_regs){
					.counter_gpa = (uint64_t)&v->steps,
					.worker = NR_CPUS + i,
					.oracle = work.oracle,
				};
				assert_int_equal(device_run(&r, 40 + i),
						 40 + i);
				assert_int_equal(v->steps, 40 + i);
			}
			for (i = 0; i < NR_CPUS; i++) {
				run(&f->cpu[i], 30);
				f->log[i].nr = 1;
				f->log[i].change[1] = 30 << 8 | 1;
				run(&f->cpu[i], 5);
				work_verify(&f->cpu[i]);
				assert_int_equal(f->cpu[i].result[1], 0);
			}
			assert_int_equal(f->cpu[0].result[0] +
						 f->cpu[1].result[0],
					 NR_PAGES);
		}
	}
}

static void test_damage_by_dma_is_found(void **state)
{
	struct fixture *f = *state;
	struct abi_dma_regs r = { .worker = NR_CPUS + 2 };
	struct work_report report = { .cpu = &f->cpu[0] };
	struct oracle_slice s;
	uint64_t gfn;

	begin_with(f, ORACLE_SEQUENTIAL, ORACLE_WRITE_PAGE,
		   ORACLE_CONTENT_RANDOM, true, NR_DMA);
	r.counter_gpa = (uint64_t)&f->vcpu[r.worker].steps;
	r.oracle = work.oracle;
	s = oracle_slice(&work.oracle, r.worker);
	assert_int_equal(device_run(&r, s.nr_pages), s.nr_pages);
	/* A page that the device wrote and the log of it lost. */
	gfn = oracle_gfn(&work.oracle, s.first + 1);
	oracle_page(&work.oracle, gfn, 0, work_page(gfn));
	work_verify(&f->cpu[1]);
	assert_int_equal(f->cpu[1].result[1], 0);
	work_verify(&f->cpu[0]);
	assert_int_equal(f->cpu[0].result[1], 1);
	assert_int_equal(f->bad[0].entry[0].gfn, gfn);
	assert_int_equal(f->bad[0].entry[0].kind, ORACLE_STALE);
	/* The device sees it, too, and the driver writes it down. */
	assert_int_equal(device_run(&r, s.nr_pages), 1);
	assert_int_equal(r.bad_gfn, gfn);
	report.gfn = r.bad_gfn;
	report.visit = r.bad_visit;
	work_report(&report);
	assert_int_equal(f->bad[0].nr, 2);
	assert_int_equal(f->bad[0].entry[1].kind, ORACLE_STALE);
	assert_int_equal(f->bad[0].entry[1].found_by, ABI_FOUND_INLINE);
}

static void test_dma_parameters_are_checked(void **state)
{
	struct fixture *f = *state;
	struct abi_dma_regs r;

	begin_with(f, ORACLE_RANDOM, ORACLE_WRITE_STAMP, ORACLE_CONTENT_RANDOM,
		   true, NR_DMA);
	r = (struct abi_dma_regs){ .worker = 2, .oracle = work.oracle };
	assert_true(abi_dma_regs_valid(&r));
	r.worker = NR_CPUS + NR_DMA;
	assert_false(abi_dma_regs_valid(&r));
	r.worker = 0;
	r.counter_gpa = 4;
	assert_false(abi_dma_regs_valid(&r));
	r.counter_gpa = 1ull << 52;
	assert_false(abi_dma_regs_valid(&r));
	r.counter_gpa = 0;
	r.steps = 1ull << 48;
	assert_false(abi_dma_regs_valid(&r));
	r.steps = 0;
	r.oracle.nr_pages--;
	assert_false(abi_dma_regs_valid(&r));
	/* More workers than pages: the last ones have none. */
	r.oracle = work.oracle;
	r.oracle.nr_vcpus = NR_PAGES + 1;
	assert_true(abi_dma_regs_valid(&r));
	r.worker = NR_PAGES;
	assert_false(abi_dma_regs_valid(&r));
	assert_true(abi_dma_always_writable(16) && abi_dma_always_writable(36));
	assert_false(abi_dma_always_writable(40) ||
		     abi_dma_always_writable(31));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dma_engines_are_workers,
						work_setup, work_teardown),
		cmocka_unit_test_setup_teardown(test_damage_by_dma_is_found,
						work_setup, work_teardown),
		cmocka_unit_test_setup_teardown(test_dma_parameters_are_checked,
						work_setup, work_teardown),
	};

	return cmocka_run_group_tests_name("guest_dma", tests, NULL, NULL);
}
