/* SPDX-License-Identifier: MIT */
/* The options of `vmferry prealloc`. */
#ifndef VMFERRY_TOOLS_PREALLOC_OPTIONS_H
#define VMFERRY_TOOLS_PREALLOC_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/backing.h"
#include "base/error.h"
#include "prealloc/prealloc.h"
#include "tools/options.h"

struct prealloc_settings {
	uint64_t ram_bytes, page_bytes, cpus, repeat, warmup;
	const char *backing_text, *threads_text;
	const char *vmm; /* NULL, "mini", "qemu", "both" */
	uint64_t node; /* PREALLOC_NO_NODE = not given */
	unsigned int method, touch, progress;
	bool reserve, pin, compare, dry_run;
	const char *json;

	/* Resolved by prealloc_resolve(). */
	bool backing_given;
	enum backing_kind backing;
	const char *path; /* of BACKING_FILE */
	unsigned int threads;
};

#define PREALLOC_NO_NODE UINT64_MAX

extern const struct option_spec prealloc_options[];

/* Before options_parse(). */
void prealloc_defaults(struct prealloc_settings *s);

/* Checks what belongs together; 0, or -EINVAL with a sentence. */
int prealloc_resolve(struct prealloc_settings *s, struct error *err);

/* `params` of the result. */
json_t *prealloc_params(const struct prealloc_settings *s);

/* One measurement as the options have it. */
struct prealloc_config prealloc_config_of(const struct prealloc_settings *s);

/* Where tables go: stdout, unless the document has that. */
FILE *prealloc_out(const struct prealloc_settings *s);

bool prealloc_shows_progress(const struct prealloc_settings *s);

#endif
