/* SPDX-License-Identifier: MIT */
/* `l2` of a sample: the workload's nested guest. */
#ifndef VMFERRY_TOOLS_SAMPLE_L2_H
#define VMFERRY_TOOLS_SAMPLE_L2_H

#include <jansson.h>
#include <stdio.h>

#include "drive/run.h"
#include "report/result.h"

/* null without a nested guest, or if nobody could look at its counts. */
json_t *sample_l2(const struct run_settings *settings,
		  const struct run_sample *s);

/* Why it, or a key of it, is null. */
void sample_l2_explain(const struct run_settings *settings,
		       const struct run_sample *s, struct result *result);

void sample_l2_print(const struct run_settings *settings,
		     const struct run_sample *s, FILE *f);

#endif
