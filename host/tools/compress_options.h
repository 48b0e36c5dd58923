/* SPDX-License-Identifier: MIT */
/* The options of `vmferry compress`. */
#ifndef VMFERRY_TOOLS_COMPRESS_OPTIONS_H
#define VMFERRY_TOOLS_COMPRESS_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "migrate/compress.h"
#include "tools/options.h"

#define COMPRESS_MAX_COUNTS 16u

struct compress_settings {
	uint64_t ram_bytes, repeat, warmup, batch, capacity, max_awake, spin_ns;
	const char *engine_text, *threads_text, *content, *codec_text;
	const char *level_text;
	bool wait, probe, compare, dry_run;
	unsigned int scan;
	const char *json;

	/* Resolved by compress_resolve(). */
	const struct codec *codec;
	int level;
	unsigned int nr_engines;
	enum compress_engine engine[COMPRESS_NR_ENGINES];
	unsigned int nr_counts; /* of threads */
	unsigned int threads[COMPRESS_MAX_COUNTS];
};

extern const struct option_spec compress_options[];

/* Before options_parse(). */
void compress_defaults(struct compress_settings *s);

/* Checks what belongs together; 0, or -EINVAL with a sentence. */
int compress_resolve(struct compress_settings *s, struct error *err);

/* `params` of the result. */
json_t *compress_params_json(const struct compress_settings *s);

/* One engine as the options have it. */
struct compress_params compress_params_of(const struct compress_settings *s,
					  enum compress_engine engine,
					  unsigned int threads);

/* Where tables go: stdout, unless the document has that. */
FILE *compress_out(const struct compress_settings *s);

#endif
