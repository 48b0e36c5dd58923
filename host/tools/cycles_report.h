/* SPDX-License-Identifier: MIT */
/* Exit costs: JSON and tables. */
#ifndef VMFERRY_TOOLS_CYCLES_REPORT_H
#define VMFERRY_TOOLS_CYCLES_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "drive/cycles.h"

/* The variant that others are compared with. */
#define CYCLES_BASE "base"

/* One boot as a sample; @repeat from 1. */
json_t *cycles_sample(const struct cycles_boot *boot, unsigned int repeat,
		      const char *variant);

/* `probes`: each probe over the samples of the base. @level: "L1", ... */
json_t *cycles_probes(json_t *samples, const char *level);

/* The median of a probe in a sample, in ns; NAN if it has none. */
double cycles_p50_ns(const json_t *sample, const char *probe, int ring);

/* @ticks: what they are. 0 or -errno. */
int cycles_print(const json_t *probes, const char *level, const char *ticks,
		 FILE *f);

/* Only which there are, and why some are not. */
void cycles_print_list(const struct cycles_boot *boot, FILE *f);

#endif
