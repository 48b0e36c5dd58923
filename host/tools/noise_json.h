/* SPDX-License-Identifier: MIT */
/* The noise of the host as results have it: context.noise. */
#ifndef VMFERRY_TOOLS_NOISE_JSON_H
#define VMFERRY_TOOLS_NOISE_JSON_H

#include <stdio.h>

#include "base/noise.h"
#include "report/result.h"

/* Sets context.noise; what is not known is null, with the reason. */
void noise_to_result(const struct noise_report *report, struct result *result);
/* "Noise: grade C (steal 1.2 %)" as a line. */
void noise_print(const struct noise_report *report, FILE *f);

#endif
