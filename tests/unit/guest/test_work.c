/* SPDX-License-Identifier: MIT */
/*
 * The guest's workload, compiled for the host: it needs no privilege, and
 * memory is memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "classify.h"
#include "dma.h"
#include "work/page.h"
#include "work/stall.h"
#include "x86/smp.h"

#define NR_PAGES 37u /* no power of two */
#define NR_CPUS 2u
#define NR_DMA 3u

struct fixture {
	uint8_t *area;
	struct cpu cpu[NR_CPUS];
	struct abi_vcpu vcpu[NR_CPUS + NR_DMA];
	struct abi_bad_log bad[NR_CPUS];
	struct abi_stall stall[NR_CPUS];
	struct oracle_log log[NR_CPUS + NR_DMA];
};

uint32_t smp_nr_cpus(void)
{
	return NR_CPUS;
}

uint64_t user_enter(uint64_t (*fn)(void *arg), void *arg)
{
	return fn(arg);
}

static int setup(void **state)
{
	struct fixture *f =
		aligned_alloc(4096, ABI_ALIGN_PAGE(sizeof(struct fixture)));
	uint8_t *area = mmap(NULL, NR_PAGES * 4096, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!f || area == MAP_FAILED)
		return -1;
	memset(f, 0, sizeof(*f));
	f->area = area;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int ret = munmap(f->area, NR_PAGES * 4096);

	free(f);
	return ret;
}

static void begin_with(struct fixture *f, uint32_t pattern, uint32_t write,
		       uint32_t content, bool check, uint32_t nr_dma)
{
	uint64_t gfn = (uint64_t)f->area >> ABI_PAGE_SHIFT;
	uint32_t i;

	/* Two ranges, the first one not the lower one. */
	work.oracle = (struct oracle){
		.seed = 5,
		.epoch = 1,
		.nr_vcpus = NR_CPUS + nr_dma,
		.nr_orders = 1,
		.order[0].pattern = pattern,
		.write = write,
		.content = content,
		.ratio = 3,
		.nr_pages = NR_PAGES,
		.nr_ranges = 2,
		.range = { { gfn + 20, NR_PAGES - 20 }, { gfn, 20 } },
	};
	if (pattern == ORACLE_STRIDED)
		work.oracle.order[0].stride_pages = 5;
	if (pattern == ORACLE_HOTCOLD)
		work.oracle.order[0] =
			(struct oracle_order){ pattern, 0, 10, 90 };
	assert_true(oracle_valid(&work.oracle));
	work.check = check;
	memset(f->vcpu, 0, sizeof(f->vcpu));
	for (i = 0; i < NR_CPUS; i++) {
		struct oracle_slice s = oracle_slice(&work.oracle, i);
		struct cpu *cpu = &f->cpu[i];

		cpu->index = i;
		cpu->vcpu = &f->vcpu[i];
		cpu->bad = &f->bad[i];
		cpu->stall = &f->stall[i];
		cpu->log = &f->log[i];
		memset(cpu->log, 0, sizeof(*cpu->log));
		cpu->slice_first = s.first;
		cpu->slice_pages = s.nr_pages;
		cpu->attention = 0;
		assert_int_equal(work_fill(cpu), 1);
		assert_int_equal(cpu->vcpu->filled, s.nr_pages);
		work_begin(cpu);
	}
}

static void begin(struct fixture *f, uint32_t pattern, uint32_t write,
		  uint32_t content, bool check)
{
	begin_with(f, pattern, write, content, check, 0);
}

static void run(struct cpu *cpu, uint64_t steps)
{
	cpu->step_limit = cpu->vcpu->steps + steps;
	assert_int_equal(work_run(cpu), WORK_PAUSED);
	assert_int_equal(cpu->vcpu->steps, cpu->step_limit);
	assert_int_equal(cpu->stall->nr_steps, cpu->vcpu->steps);
}

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
		cmocka_unit_test_setup_teardown(test_every_kind_verifies, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_orders_change, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_attention_stops_at_a_boundary, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_damage_is_found_inline_and_by_verify, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_dma_engines_are_workers,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage_by_dma_is_found,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_dma_parameters_are_checked,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_log_does_not_overflow,
						setup, teardown),
		cmocka_unit_test(test_stall_keeps_the_longest),
		cmocka_unit_test_setup_teardown(test_pause_is_no_stall, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_zero_and_clean, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("guest_work", tests, NULL, NULL);
}
