/* SPDX-License-Identifier: MIT */
/* The options of `vmferry frontier`, and the cells that they ask for. */
#ifndef VMFERRY_TOOLS_FRONTIER_OPTIONS_H
#define VMFERRY_TOOLS_FRONTIER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "tools/bisect.h"
#include "tools/migrate_options.h"

#define FRONTIER_VARIANTS 8u
#define FRONTIER_VALUES 16u

/* What a limit is held against. */
enum frontier_figure { FRONTIER_DOWNTIME, FRONTIER_BLACKOUT };

struct frontier_values {
	uint64_t value[FRONTIER_VALUES];
	unsigned int nr;
};

struct frontier_variant {
	char name[32];
	const char *options; /* as given; "" = none */
	struct migrate_settings s; /* not resolved */
	char **words; /* that it was parsed of; NULL = none */
};

struct frontier_settings {
	/* First: the options that all variants share. */
	struct migrate_settings base;
	const char *limits_text, *bandwidths_text, *resolution_text;
	uint64_t rate_min, rate_max, tries, need, tolerance_pct;
	unsigned int figure; /* enum frontier_figure */
	struct option_list variants_text;

	/* Resolved. */
	struct frontier_variant variant[FRONTIER_VARIANTS];
	unsigned int nr_variants;
	struct frontier_values limits_ns;
	struct frontier_values bandwidths; /* bytes/s; 0 = no limit */
	struct bisect_params bisect;
};

extern const char *const frontier_figures[];

/* Before frontier_parse(). */
void frontier_defaults(struct frontier_settings *s);

/* options_parse() into struct frontier_settings or, for what a @variant may
 * have, into struct migrate_settings. */
int frontier_read_options(int argc, char **argv, void *settings, bool variant,
			  struct error *err);

/**
 * frontier_parse() - read and check the command line.
 *
 * Each combination is resolved once, to find what contradicts itself before
 * anything runs.
 *
 * Return: 0; 1 after --help; -EINVAL with a sentence.
 */
int frontier_parse(int argc, char **argv, struct frontier_settings *s,
		   struct error *err);

/**
 * frontier_resolve() - the run of one cell.
 * @ret_s: the variant's, with this bandwidth and limit; for
 *	frontier_release() with @run, also on failure.
 */
int frontier_resolve(const struct frontier_variant *v, uint64_t bandwidth,
		     uint64_t limit_ns, struct migrate_settings *ret_s,
		     struct run_settings *run, struct error *err);
void frontier_release(struct migrate_settings *s, struct run_settings *run);

void frontier_exit(struct frontier_settings *s);

#endif
