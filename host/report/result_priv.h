/* SPDX-License-Identifier: MIT */
/* What the files of the result share. */
#ifndef VMFERRY_REPORT_RESULT_PRIV_H
#define VMFERRY_REPORT_RESULT_PRIV_H

#include <stdint.h>

#include "report/result.h"

struct result {
	json_t *command, *context, *params, *samples, *warnings, *extra;
	const char *const *figures;
	size_t nr_figures;
	bool compare; /* variants a and b */
	enum result_verdict verdict;
	uint64_t steal_begin_ms; /* of the host, when the run began */
	int failed; /* -errno that sticks */
};

/* obj[key] = value, taken over; a failure sticks. */
void result_put(struct result *r, json_t *obj, const char *key, json_t *value);
/* What the host says of itself, into the context. */
void context_fill(struct result *r, const struct result_params *params);
/* Time stolen from this host's CPUs since boot, all added up; 0 = unknown. */
uint64_t context_steal_ms(void);
/* sample["a"]["b"] for "a.b"; NULL = absent. */
const json_t *summary_figure(const json_t *sample, const char *dotted);
/* Adds summary_by_variant and difference. 0, or -1: no memory. */
int difference_add(json_t *document, json_t *samples,
		   const char *const *figures, size_t nr_figures);
/* {figure: {n, min, ...}}; a new reference, or NULL: no memory. */
json_t *summary_create(json_t *samples, const char *const *figures, size_t nr);

#endif
