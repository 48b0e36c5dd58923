/* SPDX-License-Identifier: MIT */
/* A frontier as JSON and as a table. docs/results.md explains the keys. */
#ifndef VMFERRY_TOOLS_FRONTIER_REPORT_H
#define VMFERRY_TOOLS_FRONTIER_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "tools/frontier_run.h"

/* `params` of the result: new references, as all here. */
json_t *frontier_params(const struct frontier_settings *s);

/* What the try that is under way in @f came to. Nulls get their warnings. */
json_t *frontier_sample(const struct frontier *f, const struct run_sample *s);

/* A line of it. */
void frontier_print_try(const struct frontier *f, const json_t *sample,
			FILE *out);

/* `frontier`: one row a cell that is done or was skipped. */
json_t *frontier_rows(const struct frontier *f);

/* `curves`: @rows by variant and bandwidth, arrays to be plotted. */
json_t *frontier_curves(const struct frontier *f, const json_t *rows);

/* 0, or what table_print() said. */
int frontier_print(const json_t *rows, FILE *out);

#endif
