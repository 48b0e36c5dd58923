/* SPDX-License-Identifier: MIT */
/* Is a hop right? And what a list of many hops says of each. */
#ifndef VMFERRY_TOOLS_MIGRATE_JUDGE_H
#define VMFERRY_TOOLS_MIGRATE_JUDGE_H

#include <stdio.h>

#include "drive/run.h"
#include "report/result.h"

/* The verdict on one sample; @result gets warnings that explain it. */
enum result_verdict migrate_judge(const struct run_settings *run,
				  const struct run_sample *sample,
				  struct result *result);

/* One line, for one hop of many. */
void migrate_print_short(const char *name, const struct run_sample *sample,
			 enum result_verdict verdict, FILE *f);

/* The result's `difference` as a table. */
void migrate_print_difference(struct result *result, FILE *f);

#endif
