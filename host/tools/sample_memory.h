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

/* A sample's `prealloc`: what the target says of it. */
json_t *sample_prealloc(const struct run_settings *settings,
			const struct run_sample *sample, struct result *result);

/* Memory that is present, by the size of its pages, in bytes. */
json_t *sample_resident(uint64_t bytes_4k, uint64_t bytes_2m,
			uint64_t bytes_1g);

#endif
