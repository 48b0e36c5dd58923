/* SPDX-License-Identifier: MIT */
/* One preallocation, measured: memory made, mapped, proven, given back. */
#ifndef VMFERRY_TOOLS_PREALLOC_SAMPLE_H
#define VMFERRY_TOOLS_PREALLOC_SAMPLE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/backing.h"
#include "base/error.h"
#include "base/smaps.h"
#include "prealloc/prealloc.h"
#include "report/result.h"

struct prealloc_sample {
	enum backing_kind backing;
	uint64_t bytes, page_bytes;
	struct prealloc_config config;

	/* Measured. */
	struct prealloc_result result;
	struct smaps smaps; /* zero if it failed */
	/* Between the first and the last thread; NAN with one thread. */
	double start_spread_ms, finish_spread_ms;
	uint64_t pages_min, pages_max; /* of a thread */
	double rate_bytes_per_s; /* NAN if it failed */
	/* Of the threads alone: their creation and joining left out. */
	double work_bytes_per_s;
	char failure[512]; /* "" = none: the sentence */
	bool unmapped; /* it came to no mapping at all */
};

/**
 * prealloc_measure() - do it once.
 * @params, @config: what, and how.
 * @ret: to be freed by prealloc_sample_exit() when 0 is returned.
 *
 * Return: 0, also if pages could not be had (@ret->failure says so); -EINTR;
 * or -errno with a sentence: it could not be tried.
 */
int prealloc_measure(const struct backing_params *params,
		     const struct prealloc_config *config,
		     struct prealloc_sample *ret, struct error *err);
void prealloc_sample_exit(struct prealloc_sample *s);

/* Are all pages of the size that was asked for? */
bool prealloc_is_proven(const struct prealloc_sample *s);

/* For the result; reasons for nulls go into @result. */
json_t *prealloc_sample_json(const struct prealloc_sample *s,
			     struct result *result);
/* For people. */
void prealloc_sample_print(const struct prealloc_sample *s, FILE *f);

#endif
