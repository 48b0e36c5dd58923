/* SPDX-License-Identifier: MIT */
/* `vmferry prealloc --compare`: methods, threads and page sizes in one run. */
#ifndef VMFERRY_TOOLS_PREALLOC_COMPARE_H
#define VMFERRY_TOOLS_PREALLOC_COMPARE_H

#include "report/result.h"
#include "tools/prealloc_options.h"

/**
 * prealloc_compare() - run all cells in turn, round after round.
 *
 * Page sizes that cannot be had here are left out, and listed with the reason.
 * Samples, `cells` and `limits` go into @result, a table to where tables go.
 *
 * Return: 0, -EINTR, or -errno with a sentence.
 */
int prealloc_compare(const struct prealloc_settings *s, struct result *result,
		     struct error *err);

#endif
