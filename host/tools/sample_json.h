/* SPDX-License-Identifier: MIT */
/* A run's sample as the result has it, and as a person reads it. */
#ifndef VMFERRY_TOOLS_SAMPLE_JSON_H
#define VMFERRY_TOOLS_SAMPLE_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "drive/run.h"
#include "report/result.h"

/**
 * sample_json() - a new object with every key of a migrate sample.
 * @result: gets a warning for each key that is null, with its reason.
 */
json_t *sample_json(const struct run_settings *settings,
		    const struct run_sample *sample, struct result *result);

/* What sample_json() does of that: @object is the sample so far. */
void sample_explain_nulls(const struct run_settings *settings,
			  const struct run_sample *sample, json_t *object,
			  struct result *result);

/* The figures that `summary` is computed of. */
extern const char *const sample_figures[];
extern const size_t sample_nr_figures;

/* Sections for one sample. */
void sample_print(const struct run_settings *settings,
		  const struct run_sample *sample, FILE *f);

/* The blackout for a person: none that was seen is below the resolution.
 * @text: UNITS_TEXT_BYTES + 8. */
const char *sample_blackout_text(char *text, const struct run_sample *sample);

#endif
