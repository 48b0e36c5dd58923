/* SPDX-License-Identifier: MIT */
/* `vmferry cycles --nested`: what the guest of a guest pays. */
#ifndef VMFERRY_TOOLS_CYCLES_NESTED_H
#define VMFERRY_TOOLS_CYCLES_NESTED_H

#include <jansson.h>
#include <stdio.h>

#include "drive/cycles.h"
#include "report/result.h"

/* What --nested measures of L1, if --only says nothing else. */
extern const char *const cycles_nested_only[];
extern const unsigned int cycles_nested_nr_only;

/* One boot's variants, each probe beside L1's own and the plain variant's. */
json_t *cycles_nested_json(const struct cycles_boot *boot);

/* Verdicts and warnings: a variant without its effect is a failure, one that
 * cannot be had here is named. */
void cycles_nested_judge(const struct cycles_boot *boot, struct result *result);

/* @nested: of cycles_nested_json(). 0 or -errno. */
int cycles_nested_print(const json_t *nested, FILE *f);

#endif
