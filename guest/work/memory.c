/* SPDX-License-Identifier: MIT */
/* Zeroing, the bare store loop, the port bitmap. Runs in ring 3. */
#include "work/work.h"

#include "lib/string.h"
#include "x86/smp.h"

/* Knuth's MMIX generator: a multiply and an add a store. */
#define LCG_MUL 6364136223846793005ull
#define LCG_ADD 1442695040888963407ull
#define BENCH_BATCH 1024u

struct range_job {
	uint64_t gpa;
	uint64_t bytes;
};

uint64_t work_zero(void *arg)
{
	struct cpu *cpu = arg;
	uint64_t nr = work.zero_end - work.zero_first;
	uint64_t cpus = smp_nr_cpus();
	uint64_t i = work.zero_first + nr * cpu->index / cpus;
	uint64_t end = work.zero_first + nr * (cpu->index + 1) / cpus;

	for (; i < end; i++)
		memset(work_page(work_all_gfn(i)), 0, ABI_PAGE_BYTES);
	return 0;
}

static uint64_t zero_range(void *arg)
{
	const struct range_job *job = arg;

	memset((void *)job->gpa, 0, job->bytes);
	return 0;
}

void work_zero_now(uint64_t gpa, uint64_t bytes)
{
	struct range_job job = { gpa, bytes };

	user_enter(zero_range, &job);
}

static uint64_t clean_range(void *arg)
{
	const struct range_job *job = arg;
	uint64_t gpa, i;

	for (gpa = job->gpa; gpa < job->gpa + job->bytes;
	     gpa += ABI_PAGE_BYTES) {
		uint64_t *word = (uint64_t *)gpa;

		for (i = 0; i < ABI_PAGE_BYTES / 8 && !word[i]; i++)
			;
		if (i < ABI_PAGE_BYTES / 8)
			memset(word, 0, ABI_PAGE_BYTES);
	}
	return 0;
}

void work_clean_now(uint64_t gpa, uint64_t bytes)
{
	struct range_job job = { gpa, bytes };

	user_enter(clean_range, &job);
}

/* Backing for every page: the loop shall measure stores, not faults. */
static void touch(const struct oracle *all, uint64_t first, uint64_t nr)
{
	uint64_t i;

	for (i = 0; i < nr; i++)
		*(volatile uint64_t *)work_page(oracle_gfn(all, first + i)) = i;
}

uint64_t work_bench(void *arg)
{
	struct cpu *cpu = arg;
	uint64_t cpus = smp_nr_cpus();
	uint64_t first = work.bench_pages * cpu->index / cpus;
	uint64_t nr = work.bench_pages * (cpu->index + 1) / cpus - first;
	uint64_t x = cpu->index + 1, stores = 0, start, now, i;
	struct oracle all = { .nr_ranges = work.nr_all };

	for (i = 0; i < ABI_MAX_WORK_RANGES; i++)
		all.range[i] = work.all[i];
	touch(&all, first, nr);
	start = rdtsc();
	do {
		for (i = 0; nr && i < BENCH_BATCH; i++) {
			uint64_t at, *page;

			x = x * LCG_MUL + LCG_ADD;
			at = (uint64_t)(((unsigned __int128)x * nr) >> 64);
			page = work_page(oracle_gfn(&all, first + at));
			page[0] = x;
			page[1] = i;
		}
		stores += i;
		now = rdtsc();
	} while (now - start < work.bench_ticks);
	cpu->result[0] = stores;
	cpu->result[1] = now - start;
	return 0;
}

uint64_t work_close_ports(void *arg)
{
	struct cpu *cpu = arg;

	memset(cpu->tss.io_bitmap, 0xff, sizeof(cpu->tss.io_bitmap));
	return 0;
}
