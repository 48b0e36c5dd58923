/* SPDX-License-Identifier: MIT */
/*
 * What dirty tracking costs, without a migration: the host's calls, and the
 * guest's faults.
 */
#ifndef VMFERRY_MACHINE_DIRTY_COST_H
#define VMFERRY_MACHINE_DIRTY_COST_H

#include <stdint.h>

#include "base/error.h"

enum dirty_method {
	DIRTY_BITMAP, /* reading the log protects the pages again */
	DIRTY_PROTECT, /* a clear of its own protects them */
	DIRTY_ALL_SET, /* likewise, and all pages begin as dirty */
	DIRTY_RING, /* a ring of pages for each vCPU */
	DIRTY_NR_METHODS
};

enum dirty_page { DIRTY_PAGE_4K, DIRTY_PAGE_THP, DIRTY_PAGE_2M };

struct dirty_cost_params {
	enum dirty_method method;
	enum dirty_page page;
	uint64_t ram_bytes;
	unsigned int nr_vcpus;
	unsigned int ring_entries; /* of each vCPU; DIRTY_RING only */
};

/* One turn. Times in ms; rates in page writes a second, all vCPUs. */
struct dirty_cost_sample {
	uint64_t wss_bytes; /* what the guest dirties, over and over */
	uint64_t ram_pages; /* in all regions that are logged */
	uint64_t dirty_pages; /* found after the guest went over its set */
	uint64_t lost_pages; /* written and not found: must be 0 */
	double enable_ms;
	double first_collect_ms, first_clear_ms; /* all pages */
	double collect_ms, clear_ms; /* dirty_pages */
	double disable_ms;
	double rate_before; /* no log */
	double rate_faulting; /* each write is a page's first */
	double rate_logged; /* all has been written once: no fault */
	double rate_after; /* the log is off again */
	double fault_ns; /* CPU time of the vCPUs lost per dirty page */
	uint64_t ring_full_exits; /* DIRTY_RING: a vCPU had to wait */
};

struct dirty_cost;

/**
 * dirty_cost_create() - boot a guest for one combination.
 *
 * Return: 0; -EOPNOTSUPP if this host lacks the method or the pages, with a
 * sentence; or what local_guest_create() said.
 */
int dirty_cost_create(const struct dirty_cost_params *params,
		      struct dirty_cost **ret_cost, struct error *err);
void dirty_cost_destroy(struct dirty_cost *c);

/**
 * dirty_cost_measure() - one turn: enable, collect, clear, disable.
 * @dirty_pct: of RAM, 1 to 100; as much as the guest can give at most.
 *
 * The guest runs all the time, as fast as it can (rate=0), and its pages are
 * there before. Return: 0 or -errno with a sentence.
 */
int dirty_cost_measure(struct dirty_cost *c, unsigned int dirty_pct,
		       struct dirty_cost_sample *ret_sample, struct error *err);

#endif
