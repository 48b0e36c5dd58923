/* SPDX-License-Identifier: MIT */
/* The options of compression, for a migration by either VMM. */
#ifndef VMFERRY_TOOLS_MIGRATE_COMPRESS_H
#define VMFERRY_TOOLS_MIGRATE_COMPRESS_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "drive/run.h"
#include "tools/options.h"

struct compress_choice {
	unsigned int codec; /* none, then by enum codec_id */
	const char *level; /* NULL = the codec's default */
	uint64_t threads, decompress_threads;
	bool wait;
	unsigned int engine;
	uint64_t batch_pages;
};

/* Offsets count from struct migrate_settings. */
extern const struct option_spec migrate_compress_options[];

/* Before options_parse(). */
void migrate_compress_defaults(struct compress_choice *c);

/**
 * migrate_compress_resolve() - check, and tell the run.
 * @run: kind, transport and channels are settled.
 *
 * Return: 0 or -EINVAL with a sentence.
 */
int migrate_compress_resolve(const struct compress_choice *c,
			     struct run_settings *run, struct error *err);

/* `params.compress` of the result: null without. */
json_t *migrate_compress_params(const struct run_settings *run);

#endif
