/* SPDX-License-Identifier: MIT */
/* A sample's `memory`. */
#ifndef VMFERRY_TOOLS_SAMPLE_MEMORY_H
#define VMFERRY_TOOLS_SAMPLE_MEMORY_H

#include <jansson.h>

#include "drive/run.h"
#include "report/result.h"

/* @result: gets a warning where RAM is not what was asked for. */
json_t *sample_memory(const struct run_settings *settings,
		      const struct run_sample *sample, struct result *result);

#endif
