/* SPDX-License-Identifier: MIT */
/* What a frozen guest's working set must hold, from its step counters. */
#ifndef VMFERRY_DRIVE_EXPECT_H
#define VMFERRY_DRIVE_EXPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "drive/guest_view.h"

struct expect {
	const struct oracle *o; /* the view's */
	struct oracle_history history[ABI_MAX_VCPUS];
	/* Index of the page that each vCPU writes next; nr_pages = none. */
	uint64_t flight[ABI_MAX_VCPUS];
	uint64_t flight_visit[ABI_MAX_VCPUS]; /* what it will hold then */
};

/* @view must have an epoch and outlive @e. */
void expect_init(struct expect *e, const struct guest_view *view);

/* Last visit of page @index, below nr_pages. Context: any thread. */
uint64_t expect_visit(const struct expect *e, uint64_t index);

/* The visit before the last one; 0 where there is none. Context: any thread. */
uint64_t expect_before(const struct expect *e, uint64_t index);

/* Is this the page that its vCPU may have been writing when it froze?
 * @ret_visit: as which visit; may be NULL. */
bool expect_in_flight(const struct expect *e, uint64_t index,
		      uint64_t *ret_visit);

#endif
