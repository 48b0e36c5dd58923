/* SPDX-License-Identifier: MIT */
/* The part `timekeeping` of a migrate sample. */
#ifndef VMFERRY_TOOLS_SAMPLE_TIME_H
#define VMFERRY_TOOLS_SAMPLE_TIME_H

#include <jansson.h>
#include <stdio.h>

#include "drive/run.h"
#include "report/result.h"

/* @result: gets a warning for each clock that jumped. */
json_t *sample_time(const struct run_settings *settings,
		    const struct run_sample *sample, struct result *result);

/* A line for each clock; nothing if there was no heartbeat. */
void sample_time_print(const struct run_settings *settings,
		       const struct run_sample *sample, FILE *f);

#endif
