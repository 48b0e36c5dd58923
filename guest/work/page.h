/* SPDX-License-Identifier: MIT */
/*
 * Whole pages: one copy each of the oracle's larger functions, not to be taken
 * in line: the hot loops shall stay short. Ring 3.
 */
#ifndef VMFERRY_GUEST_PAGE_H
#define VMFERRY_GUEST_PAGE_H

#include "work/work.h"

#define PAGE_APART __attribute__((noinline))

/* What visit @visit does to page @gfn. */
PAGE_APART void page_write(const struct oracle *o, uint64_t gfn,
			   uint64_t visit);

/* Is page @gfn what visit @visit left? */
PAGE_APART bool page_ok(const struct oracle *o, uint64_t gfn, uint64_t visit);

/* The visit before @visit, which the vCPU is about to make. */
PAGE_APART uint64_t page_visit_before(const struct cpu *cpu, uint64_t gfn,
				      uint64_t visit);

/* Log page @gfn, which should be what visit @visit left and is not. */
PAGE_APART void page_report_bad(struct cpu *cpu, uint64_t gfn, uint64_t visit,
				enum abi_found_by found_by);

#endif
