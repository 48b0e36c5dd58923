/* SPDX-License-Identifier: MIT */
/* What `vmferry cycles` is told. */
#ifndef VMFERRY_TOOLS_CYCLES_OPTIONS_H
#define VMFERRY_TOOLS_CYCLES_OPTIONS_H

#include "drive/cycles.h"
#include "tools/common.h"
#include "tools/cycles_ab.h"

#define CYCLES_MAX_ONLY 32u

struct cycles_options {
	struct common_settings common; /* first */
	const char *only_text, *pin_text, *ab_text;
	uint64_t rounds, limit_ns, watchdog_ns, repeat;
	unsigned int level; /* auto, L1, L2, L3 */
	bool list, icount, nested, check, migrate;
	const char *variant_text;

	/* Resolved. */
	char *only_words; /* owned */
	char *variant_words; /* owned */
	const char *variant[CYCLES_MAX_VARIANTS];
	unsigned int nr_variants; /* 0 = all */
	const char *only[CYCLES_MAX_ONLY];
	unsigned int nr_only;
	unsigned int pin[CYCLES_MAX_PINS], nr_pins;
	struct cycles_features features;
	const char *level_name;
	const char *ticks; /* what they are */
};

/* Return: as options_parse(). cycles_options_exit() in any case. */
int cycles_options_parse(int argc, char **argv, struct cycles_options *s,
			 struct error *err);
void cycles_options_exit(struct cycles_options *s);
json_t *cycles_params(const struct cycles_options *s);

#endif
