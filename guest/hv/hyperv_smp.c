/* SPDX-License-Identifier: MIT */
/* Checks that are about several vCPUs; the steps: hv_checks.h. */
#include "hv/hyperv.h"

#include <stddef.h>

#include "x86/cpu.h"
#include "x86/paging.h"
#include "x86/smp.h"
#include "x86/tsc.h"

#define see hyperv_see
#define equal hyperv_equal

/* Two names for a page: a table of each level for an address that has none. */
#define SLOT 300u /* of the top one */
#define ALIAS (0xffff000000000000ull | (uint64_t)SLOT << 39)
#define ENTRY_BITS 7ull /* present, writable, for ring 3 */
static uint64_t tables[3][512] __attribute__((section(".bss.page")));
static uint64_t pages[2][512] __attribute__((section(".bss.page")));
static volatile struct {
	uint64_t seen, turns;
	uint32_t stop;
} other;

static void read_index(struct cpu *cpu)
{
	cpu->result[0] = rdmsr(HV_MSR_VP_INDEX);
	cpu->result[1] = rdmsr(HV_MSR_VP_INDEX);
}

static uint64_t index_of(uint32_t cpu)
{
	return smp_cpu(cpu)->result[0];
}

static void vp_index(void)
{
	uint32_t i, k, limit = cpuid(HV_LEAF_LIMITS, 0).eax;

	/* Shows whether it faults at all. */
	hyperv_get(HV_MSR_VP_INDEX);
	if (hyperv_found.step)
		return;
	smp_call_all(read_index);
	for (i = 0; i < smp_nr_cpus(); i++) {
		equal(1, smp_cpu(i)->result[1], index_of(i));
		see(2, !limit || limit == ~0u || index_of(i) < limit,
		    index_of(i), limit);
		for (k = 0; k < i; k++)
			see(3, index_of(i) != index_of(k), i, k);
	}
}

static uint32_t nr_seen(void)
{
	return smp_nr_cpus() < 32 ? smp_nr_cpus() : 32;
}

static void ipi(void)
{
	uint32_t before[32], i, k, n = nr_seen();
	uint64_t status;

	smp_call_all(read_index);
	for (i = 0; i < n && !hyperv_found.step; i++) {
		if (index_of(i) >= 64)
			continue;
		for (k = 0; k < n; k++)
			before[k] = *hyperv_taken(k);
		status = hyperv_send(hyperv_vector(), 1ull << index_of(i));
		equal(1, status & 0xffff, 0);
		see(2, hyperv_await(hyperv_taken(i), before[i], 1000000), i, 1);
		hyperv_await(hyperv_taken(i), before[i] + 1, 2000);
		for (k = 0; k < n; k++)
			see(3, *hyperv_taken(k) - before[k] == (k == i), k, i);
	}
}

/* Ring 3 of the other one, whose TLB shall know the page. */
static uint64_t look(void *arg)
{
	(void)arg;
	while (!other.stop) {
		other.seen = *(volatile uint64_t *)ALIAS;
		other.turns++;
	}
	return 0;
}

static void job(struct cpu *cpu)
{
	(void)cpu;
	invlpg(ALIAS);
	user_enter(look, NULL);
}

/* Until it has looked @n times more. */
static bool turns(uint32_t n)
{
	uint64_t to = other.turns + n, end = rdtsc() + tsc_hz();

	while (other.turns < to && rdtsc() < end)
		pause();
	return other.turns >= to;
}

/* In ring 3: a hypervisor that emulates ring 0 sees each of its writes. */
static uint64_t map(void *arg)
{
	*(volatile uint64_t *)tables[2] = (uint64_t)arg | ENTRY_BITS;
	return 0;
}

static void flush(void)
{
	uint32_t i;
	uint64_t status;

	if (smp_nr_cpus() < 2) {
		hyperv_found.skip = "no other vcpu";
		return;
	}
	paging_pml4[SLOT] = (uint64_t)tables[0] | ENTRY_BITS;
	tables[0][0] = (uint64_t)tables[1] | ENTRY_BITS;
	tables[1][0] = (uint64_t)tables[2] | ENTRY_BITS;
	pages[0][0] = 1;
	pages[1][0] = 2;
	user_enter(map, pages[1]);
	user_enter(map, pages[0]);
	other.stop = 0;
	smp_post(smp_cpu(1), job);
	for (i = 0; i < 20 && !hyperv_found.step; i++) {
		uint64_t want = 1 + (i + 1) % 2;

		see(1, turns(100) && other.seen == 3 - want, other.seen,
		    3 - want);
		user_enter(map, pages[want - 1]);
		status = hyperv_flush();
		equal(2, status & 0xffff, 0);
		see(3, turns(2) && other.seen == want, other.seen, want);
		hyperv_found.tries++;
	}
	other.stop = 1;
	smp_wait(smp_cpu(1));
}

void hyperv_check_smp(enum hv_check check)
{
	if (check == HV_CHECK_vp_index)
		vp_index();
	else if (check == HV_CHECK_ipi)
		ipi();
	else
		flush();
}
