/* SPDX-License-Identifier: MIT */
/* What a VMM says about compressing, in the words of the result. */
#ifndef VMFERRY_DRIVE_RUN_COMPRESSION_H
#define VMFERRY_DRIVE_RUN_COMPRESSION_H

#include <jansson.h>

/* Each NULL or NAN where there is nothing to say. */
struct run_compression {
	json_t *report; /* `compression` */
	json_t *submitter; /* `submitter` */
	json_t *compress_cpu_s, *decompress_cpu_s; /* of `cpu_s` */
	double busy_ratio;
};

/**
 * run_compression_take() - from both sides' query-migrate.
 * @source: of the mini VMM; @target likewise; may be NULL.
 * @ret: zeroed, or as it was left by this; freed by run_compression_exit().
 */
void run_compression_take(json_t *source, json_t *target,
			  struct run_compression *ret);
void run_compression_exit(struct run_compression *c);

/* Adds to @out, a round of the result, what @round says of it. */
void run_compression_round(json_t *round, json_t *out);

#endif
