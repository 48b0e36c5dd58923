/* SPDX-License-Identifier: MIT */
/*
 * How many distinct pages a guest dirties within a time.
 *
 * A rate does not tell that: a guest that writes the same few pages over and
 * over dirties no more than these, however long it is watched. Pure.
 */
#ifndef VMFERRY_DRIVE_DIRTY_CURVE_H
#define VMFERRY_DRIVE_DIRTY_CURVE_H

#include <stdint.h>

#include "control.h"

#define DIRTY_CURVE_POINTS 48u

/* Times and pages ascend; before the first point lies (0, 0). */
struct dirty_curve {
	unsigned int nr;
	double second[DIRTY_CURVE_POINTS];
	double pages[DIRTY_CURVE_POINTS];
	double most_pages; /* all that can ever be dirty */
};

/**
 * dirty_curve_pages() - distinct pages dirtied within @seconds.
 *
 * Straight lines between the points; past the last one the last line goes on,
 * never beyond most_pages. Without a point: 0.
 */
double dirty_curve_pages(const struct dirty_curve *c, double seconds);

/* Step counters of all vCPUs at one moment. */
struct dirty_look {
	double second; /* since the first look */
	uint64_t steps[ABI_MAX_VCPUS];
};

/**
 * dirty_curve_project() - from looks at the step counters to the curve.
 * @o: the epoch's parameters, valid.
 * @log: [o->nr_vcpus], valid, taken after the last look.
 * @look: ascending in time and steps; the first is second 0.
 * @nr_looks: at least 2, less than DIRTY_CURVE_POINTS / 2.
 *
 * Within the looks the curve has the pages that were written by then. Beyond
 * them it has those that the workload will have written if each vCPU goes on at
 * its mean rate: the order of writes is known. Of a large working set a sample
 * of the pages is asked (16 384: the share is right to about 0.4 %).
 */
void dirty_curve_project(const struct oracle *o, const struct oracle_log *log,
			 const struct dirty_look *look, unsigned int nr_looks,
			 struct dirty_curve *ret_curve);

#endif
