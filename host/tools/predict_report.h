/* SPDX-License-Identifier: MIT */
/* A prediction as the result has it, as a person reads it, and its score. */
#ifndef VMFERRY_TOOLS_PREDICT_REPORT_H
#define VMFERRY_TOOLS_PREDICT_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "drive/run.h"
#include "report/result.h"

/**
 * predict_json() - `prediction` of a sample; null without one.
 * @result: gets a warning for each key that is null.
 */
json_t *predict_json(const struct run_sample *sample, struct result *result);

/* The table of what was predicted, before the migration. */
void predict_print(const struct prediction *p, FILE *f);

/* What came of it; nothing without a prediction. */
void predict_print_score(const struct run_sample *sample, FILE *f);

#endif
