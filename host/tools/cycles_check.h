/* SPDX-License-Identifier: MIT */
/* Checks of Hyper-V's interface: JSON, verdict, table. */
#ifndef VMFERRY_TOOLS_CYCLES_CHECK_H
#define VMFERRY_TOOLS_CYCLES_CHECK_H

#include <jansson.h>
#include <stdio.h>

#include "drive/cycles_check.h"
#include "report/result.h"

/* The result's `checks`. */
json_t *cycles_checks_json(const struct cycles_checks *checks);

/* Warnings, and what they do to the verdict. */
void cycles_checks_judge(const struct cycles_checks *checks,
			 struct result *result);

/* @checks: of cycles_checks_json(). 0 or -errno. */
int cycles_checks_print(const json_t *checks, FILE *f);

#endif
