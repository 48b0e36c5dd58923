/* SPDX-License-Identifier: MIT */
/* The tries of a frontier: which rate next, and what came of it. */
#ifndef VMFERRY_TOOLS_FRONTIER_RUN_H
#define VMFERRY_TOOLS_FRONTIER_RUN_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "drive/rundir.h"
#include "report/result.h"
#include "tools/frontier_options.h"

/* What became of a try, from good to bad. */
enum frontier_outcome {
	FRONTIER_MET, /* all right, and short enough */
	FRONTIER_LATE, /* all right, but longer than the limit */
	FRONTIER_TIMEOUT, /* not within --timeout; the source goes on */
	FRONTIER_FAILED, /* the migration failed; the source goes on */
	FRONTIER_WRONG, /* a lost byte, a lost guest */
};

extern const char *const frontier_outcomes[];

/* One combination of variant, bandwidth and limit. */
struct frontier_cell {
	const struct frontier_variant *variant;
	uint64_t bandwidth, limit_ns;
	struct bisect bisect;
	bool done; /* else interrupted, or not begun */
	json_t *samples; /* array: its tries */
	char skipped[160]; /* why it cannot be measured; "" = it was */
};

struct frontier {
	struct frontier_settings *set;
	struct result *result;
	struct frontier_cell *cell;
	unsigned int nr_cells;

	char dir[RUNDIR_BYTES], kernel[PATH_MAX];
	unsigned int which; /* the cell that runs */
	unsigned int point, try; /* from 1 */
	unsigned int nr_values; /* that were tried, in all cells */
	uint64_t begun_ns;
	enum frontier_outcome outcome; /* of the last try */
};

/* @f: set and result are; frontier_run_exit() it, also after a failure. */
int frontier_run_init(struct frontier *f, struct error *err);
void frontier_run_exit(struct frontier *f);

/**
 * frontier_run() - bisect all cells.
 *
 * Samples and verdicts go into the result, a line for each try to where tables
 * go. A variant that cannot run here is skipped, with a warning.
 *
 * Return: 0, -EOPNOTSUPP if none could run, or as run_hops().
 */
int frontier_run(struct frontier *f, struct error *err);

/* Tries of all cells at most. */
unsigned int frontier_max_tries(const struct frontier *f);

#endif
