/* SPDX-License-Identifier: MIT */
/* The grid of `vmferry prealloc --compare`: what is measured, and where the
 * samples of each cell go. */
#ifndef VMFERRY_TOOLS_PREALLOC_CELLS_H
#define VMFERRY_TOOLS_PREALLOC_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/result.h"
#include "tools/prealloc_options.h"
#include "tools/prealloc_sample.h"

#define CELLS_MAX_KINDS 8u

/* One kind of pages. */
struct cells_kind {
	enum backing_kind backing;
	uint64_t page_bytes;
	const char *path;
	double first_bytes_per_s; /* of its very first mapping; NAN: none */
};

/* The kernel's own rate, for one kind of pages and number of threads. */
struct cells_limit {
	struct cells_kind *kind;
	unsigned int nr_threads;
	double *elapsed_ms; /* warm */
	size_t nr, room;
};

struct cell {
	struct cells_kind *kind;
	enum prealloc_method method;
	unsigned int nr_threads;

	/* Of the samples that were no warm-up. */
	double *elapsed_ms, *start_spread_ms, *finish_spread_ms;
	size_t nr, room;
	uint64_t faults, pages_min, pages_max; /* of the last one */
};

struct cells {
	struct cells_kind kind[CELLS_MAX_KINDS];
	size_t nr_kinds;
	struct cell *cell;
	size_t nr;
	struct cells_limit *limit;
	size_t nr_limits;
};

/**
 * cells_create() - the grid that the options ask for.
 * @result: gets a warning for each kind of pages that cannot be had here.
 *
 * Return: 0, or -ENOMEM.
 */
int cells_create(const struct prealloc_settings *s, struct result *result,
		 struct cells *ret);
void cells_exit(struct cells *c);

/* Takes a sample that is right and no warm-up. */
void cells_add(struct cell *cell, const struct prealloc_sample *s);

/* The kernel's own time for that many threads, the median in ms; NAN: unknown.
 * Of `serial` one thread's. */
double cells_limit_ms(const struct cells *c, const struct cell *of);

#endif
