/* SPDX-License-Identifier: MIT */
/* The grid of `vmferry compress`: engines and numbers of threads. */
#ifndef VMFERRY_TOOLS_COMPRESS_CELLS_H
#define VMFERRY_TOOLS_COMPRESS_CELLS_H

#include <stdint.h>

#include "report/result.h"
#include "tools/compress_options.h"

/**
 * compress_cells_run() - all cells in turn, round after round.
 *
 * Samples and `cells` (medians) go into @result, a table to where tables go.
 *
 * Return: 0, -EINTR, or -errno with a sentence.
 */
int compress_cells_run(const struct compress_settings *s, const uint8_t *memory,
		       struct result *result, struct error *err);

#endif
