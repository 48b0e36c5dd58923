/* SPDX-License-Identifier: MIT */
/* One thread's way through pages: by touching them, or by asking for them. */
#ifndef VMFERRY_PREALLOC_TOUCH_H
#define VMFERRY_PREALLOC_TOUCH_H

#include "prealloc/job.h"

/**
 * touch_pages() - write to pages @first to @first + @nr - 1, changing nothing.
 *
 * Counts them in w->out, page by page; stops if the job does. A page that
 * cannot be had raises SIGBUS: @w's trap is armed.
 */
void touch_pages(struct worker *w, uint64_t first, uint64_t nr);

/* The same by MADV_POPULATE_WRITE; a failure goes into @w and stops the job. */
void touch_populate(struct worker *w, uint64_t first, uint64_t nr);

/* Has the job been stopped, by whomever? */
bool touch_stopped(const struct worker *w);

/* Page @offset / page_bytes could not be had: takes that down, stops all. */
void touch_failed(struct worker *w, enum prealloc_failure failure,
		  uint64_t offset);

#endif
