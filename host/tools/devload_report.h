/* SPDX-License-Identifier: MIT */
/* What `vmferry devload` makes of its loads: samples, cells, growth, tables. */
#ifndef VMFERRY_TOOLS_DEVLOAD_REPORT_H
#define VMFERRY_TOOLS_DEVLOAD_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "machine/devload.h"

/* How it was loaded; the values of enum vm_commit need not be these. */
enum devload_way {
	DEVLOAD_EACH,
	DEVLOAD_ONCE,
	DEVLOAD_PREPARED,
	DEVLOAD_BARE, /* KVM's calls alone */
	DEVLOAD_NR_WAYS,
};

extern const char *const devload_ways[DEVLOAD_NR_WAYS + 1];

/* One set of devices, and all its samples. */
struct devload_row {
	char devices[80]; /* "net:8x16,blk:16x4" */
	unsigned int nr_queues;
	/* The authors' load after ÷ before with these devices; 0 = none. */
	double authors_ratio;
	struct devload_config config;
	json_t *samples[DEVLOAD_NR_WAYS];
};

json_t *devload_sample_json(const struct devload_row *row, enum devload_way way,
			    unsigned int repeat,
			    const struct devload_sample *sample);
/* `cells`: one object a row and way that has samples. */
json_t *devload_cells(const struct devload_row *rows, size_t nr);
/* `growth`: by way, fitted over the cells; NULL with fewer than 3 rows. */
json_t *devload_growth(json_t *cells);
void devload_print(json_t *cells, json_t *growth, FILE *f);

#endif
