/* SPDX-License-Identifier: MIT */
/* One run of an engine from memory to memory, between two of bare loops. */
#ifndef VMFERRY_TOOLS_COMPRESS_SAMPLE_H
#define VMFERRY_TOOLS_COMPRESS_SAMPLE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "migrate/compress.h"
#include "report/result.h"
#include "report/table.h"
#include "tools/compress_bare.h"
#include "tools/compress_options.h"

struct compress_sample {
	enum compress_engine engine;
	unsigned int threads, nr_loops;
	uint64_t pages; /* all of them */
	uint64_t elapsed_ns;
	uint64_t packed_bytes; /* pages that went as they are count whole */
	/* The submitter's. */
	uint64_t cpu_ns, copy_ns, send_ns;
	uint64_t voluntary_switches, involuntary_switches;
	struct compress_stats stats; /* of this run */
	struct bare_result bare; /* mean of before and after */
};

/**
 * compress_measure() - bare loops, the engine, and bare loops once more.
 * @memory: of @s->ram_bytes.
 *
 * What comes out of the engine is copied into a stream buffer and forgotten,
 * and so is what it had no room for: as if it were sent.
 *
 * Return: 0, -EINTR, or -errno with a sentence.
 */
int compress_measure(const struct compress_settings *s,
		     enum compress_engine engine, unsigned int threads,
		     const uint8_t *memory, struct compress_sample *ret,
		     struct error *err);

/* Figures of it. */
double compress_pages_per_s(const struct compress_sample *s);
/* Of those, by workers: what had no room is left out. */
double compress_limit_pages_per_s(const struct compress_sample *s);
double compress_to_limit(const struct compress_sample *s);
double compress_busy_ratio(const struct compress_sample *s);
/* Per 1000 pages, of all threads. */
double compress_switches(const struct compress_sample *s);
double compress_futex_calls(const struct compress_sample *s);

/* For the result. */
json_t *compress_sample_json(const struct compress_sample *s);

#endif
