/* SPDX-License-Identifier: MIT */
/* Probes of memory: translations forgotten, pages touched for the first time. */
#include "hv/probe.h"

#include "kern/control.h"
#include "work/work.h"

/* Whatever page size backs the guest, each touch is of a page of its own. */
#define STRIDE_PAGES 512u

static uint64_t next_page;

static void op_invlpg(void)
{
	invlpg((uint64_t)&next_page);
}

static void op_cr3(void)
{
	write_cr3(read_cr3());
}

static const char *missing_fresh(void)
{
	if (control_area()->epoch.epoch)
		return "a workload has touched the memory";
	return next_page < work.nr_all_pages ? NULL : "all memory was touched";
}

/* Free memory stays zero. */
static uint64_t sample_touch(void)
{
	uint64_t start;
	void *page;

	if (next_page >= work.nr_all_pages)
		return PROBE_END;
	page = work_page(work_all_gfn(next_page));
	next_page += STRIDE_PAGES;
	start = probe_tsc();
	*(volatile uint8_t *)page = 0;
	return probe_tsc() - start;
}

const struct probe probes_memory[] = {
	{ "invlpg", PROBE_RING0, .op = op_invlpg },
	{ "cr3_write", PROBE_RING0, .op = op_cr3 },
	{ "first_touch", PROBE_BOTH, missing_fresh, .sample = sample_touch },
	{ .name = NULL },
};
