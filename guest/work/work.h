/* SPDX-License-Identifier: MIT */
/*
 * The workload: functions that run in ring 3, each with the vCPU's struct cpu
 * as its argument. They keep their state in memory and come back at a step
 * boundary when `attention` is set.
 */
#ifndef VMFERRY_GUEST_WORK_H
#define VMFERRY_GUEST_WORK_H

#include "x86/cpu.h"

/* What all vCPUs share; written by the first one while the others rest. */
struct work {
	struct oracle oracle;
	bool check;
	/* Every page that a working set may take: an epoch's set is the
	 * first nr_pages of it. */
	struct oracle_range all[ABI_MAX_WORK_RANGES];
	uint32_t nr_all;
	uint64_t nr_all_pages;
	/* Pages [zero_first, zero_end) of `all` for work_zero(). */
	uint64_t zero_first;
	uint64_t zero_end;
	/* work_bench(): pages, and when to stop. */
	uint64_t bench_pages;
	uint64_t bench_ticks;
};

extern struct work work;

/* The counters of worker @worker: of the vCPUs, then of the DMA engines. */
static inline struct abi_vcpu *work_line(const struct cpu *cpu, uint32_t worker)
{
	return cpu->vcpu - cpu->index + worker;
}

/* Page @index of `all`. */
static inline uint64_t work_all_gfn(uint64_t index)
{
	uint32_t i = 0;

	while (index >= work.all[i].nr_pages)
		index -= work.all[i++].nr_pages;
	return work.all[i].gfn + index;
}

static inline void *work_page(uint64_t gfn)
{
	return (void *)(gfn << ABI_PAGE_SHIFT);
}

/* Fill the slice, from cpu->vcpu->filled on, and its share of the DMA engines'
 * slices. Return: 1 when all is filled, else 0. */
uint64_t work_fill(void *arg);

/* Before the first step of an epoch: empty the stall log. */
uint64_t work_begin(void *arg);

enum work_result { WORK_PAUSED = 0, WORK_FOUND_BAD = 1 };

/* Steps, until attention or cpu->step_limit. Return: enum work_result. */
uint64_t work_run(void *arg);

/* Check what work_fill() filled: result[0] pages, result[1] bad ones. */
uint64_t work_verify(void *arg);

/* Log a page that a DMA engine found bad, in the first vCPU's log. @arg: */
struct work_report {
	struct cpu *cpu; /* the first */
	uint64_t gfn, visit;
};
uint64_t work_report(void *arg);

/* This vCPU's share of the pages to be zeroed. */
uint64_t work_zero(void *arg);

/* A bare loop of stores: result[0] stores, result[1] ticks. */
uint64_t work_bench(void *arg);

/* Deny ring 3 every port. */
uint64_t work_close_ports(void *arg);

/* From ring 0: zero memory, in ring 3. */
void work_zero_now(uint64_t gpa, uint64_t bytes);
/* The same, but pages that are zero already are only read. */
void work_clean_now(uint64_t gpa, uint64_t bytes);

#endif
