/* SPDX-License-Identifier: MIT */
/* The workload's memory, and what it needs of the kernel. */
#include "work_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "x86/smp.h"

uint32_t smp_nr_cpus(void)
{
	return NR_CPUS;
}

uint64_t user_enter(uint64_t (*fn)(void *arg), void *arg)
{
	return fn(arg);
}

int work_setup(void **state)
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

int work_teardown(void **state)
{
	struct fixture *f = *state;
	int ret = munmap(f->area, NR_PAGES * 4096);

	free(f);
	return ret;
}

void begin_with(struct fixture *f, uint32_t pattern, uint32_t write,
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

void begin(struct fixture *f, uint32_t pattern, uint32_t write,
	   uint32_t content, bool check)
{
	begin_with(f, pattern, write, content, check, 0);
}

void run(struct cpu *cpu, uint64_t steps)
{
	cpu->step_limit = cpu->vcpu->steps + steps;
	assert_int_equal(work_run(cpu), WORK_PAUSED);
	assert_int_equal(cpu->vcpu->steps, cpu->step_limit);
	assert_int_equal(cpu->stall->nr_steps, cpu->vcpu->steps);
}
