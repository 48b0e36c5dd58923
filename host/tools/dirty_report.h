/* SPDX-License-Identifier: MIT */
/* What `vmferry dirty` found: as JSON, and as tables. */
#ifndef VMFERRY_TOOLS_DIRTY_REPORT_H
#define VMFERRY_TOOLS_DIRTY_REPORT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "machine/dirty_cost.h"

/* One combination, and all that was measured of it. */
struct dirty_cell {
	struct dirty_cost_params params;
	unsigned int dirty_pct;
	json_t *samples; /* array */
	char skipped[160]; /* why there are none; "" */
};

extern const char *const dirty_methods[]; /* by enum dirty_method */
extern const char *const dirty_pages[]; /* by enum dirty_page */

/* A sample for the result, "repeat" counted from 1. */
json_t *dirty_sample(const struct dirty_cell *cell, unsigned int repeat,
		     const struct dirty_cost_sample *s);

/* `cells` of the result: each with the statistics of its figures. */
json_t *dirty_cells(const struct dirty_cell *cells, size_t nr);

/* @cells: what dirty_cells() made. Return: 0, -ENOMEM or -EIO. */
int dirty_print(const json_t *cells, FILE *f);

#endif
