/* SPDX-License-Identifier: MIT */
/* Exit costs with and without a feature, side by side. */
#ifndef VMFERRY_TOOLS_CYCLES_AB_H
#define VMFERRY_TOOLS_CYCLES_AB_H

#include <jansson.h>
#include <stdio.h>

#include "base/error.h"

#define CYCLES_MAX_FEATURES 15u
#define CYCLES_FEATURE_BYTES 128u
#define CYCLES_CPU_BYTES 512u

/* Feature 0 is the base: nothing added. */
struct cycles_features {
	unsigned int nr;
	char name[CYCLES_MAX_FEATURES + 1][CYCLES_FEATURE_BYTES];
	/* Why a machine with it does not start; "" = it does. */
	char skipped[CYCLES_MAX_FEATURES + 1][200];
};

/**
 * cycles_ab_parse() - read "FEATURE,FEATURE+FEATURE,...".
 * @text: NULL: the base alone.
 *
 * Return: 0; -EINVAL with a sentence.
 */
int cycles_ab_parse(const char *text, struct cycles_features *ret,
		    struct error *err);

/* QEMU's -cpu: @model with a feature's flags, "NAME" for "NAME=on" and "-NAME" for
 * "NAME=off". */
const char *cycles_ab_cpu(const char *model, const char *feature,
			  char cpu[CYCLES_CPU_BYTES]);

/* `ab`: a row for each feature and probe, paired by repeat. */
json_t *cycles_ab_rows(json_t *samples, const struct cycles_features *f);
int cycles_ab_print(const json_t *rows, FILE *f);

#endif
