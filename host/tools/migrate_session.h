/* SPDX-License-Identifier: MIT */
/* All runs of one `vmferry migrate`: repetitions, variants, hops. */
#ifndef VMFERRY_TOOLS_MIGRATE_SESSION_H
#define VMFERRY_TOOLS_MIGRATE_SESSION_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "drive/rundir.h"
#include "report/result.h"
#include "tools/migrate_options.h"

#define MIGRATE_VARIANTS 2u

struct migrate_variant {
	struct migrate_settings s;
	struct run_settings run;
	char dir[RUNDIR_BYTES]; /* "" = none */
	char kernel[PATH_MAX];
};

struct migrate_session {
	int argc;
	char **argv; /* of the command, argv[0] its name */
	struct migrate_variant variant[MIGRATE_VARIANTS]; /* A, B */
	unsigned int nr_variants;
	char **ab_words; /* "migrate", then B's options; NULL = no B */
	struct result *result;

	uint64_t deadline_ns; /* of a soak; 0 = none */
	uint64_t index; /* of the repetition, from 0 */
	unsigned int which; /* variant that runs */
	unsigned int hop; /* hops done in this run */
	uint64_t nr_hops, nr_failed; /* in all */
	bool bundled; /* the first failure has its bundle */
};

/* Checks that concern all variants; -EINVAL with a sentence. */
int migrate_session_resolve(struct migrate_session *m, struct error *err);

/**
 * migrate_session_run() - do all runs; samples and verdicts go into the
 * result, a line or a page for each to where tables go.
 *
 * Return: as run_hops().
 */
int migrate_session_run(struct migrate_session *m, struct error *err);

/* What is to be said of all runs together, if there were many. */
void migrate_session_print(struct migrate_session *m);

/* Warns in the result of what is missing there. */
void migrate_session_interrupted(struct migrate_session *m);

/* Frees what the session holds but its result. */
void migrate_session_exit(struct migrate_session *m);

/* Are there several hops to be told apart? */
bool migrate_session_is_long(const struct migrate_session *m);

#endif
