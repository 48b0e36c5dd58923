/* SPDX-License-Identifier: MIT */
/*
 * The options and the habits that boot and migrate share: which guest in which
 * machine, where the result goes, what is shown meanwhile.
 */
#ifndef VMFERRY_TOOLS_COMMON_H
#define VMFERRY_TOOLS_COMMON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/noise.h"
#include "drive/run.h"
#include "report/result.h"
#include "tools/link_options.h"
#include "tools/machine_options.h"
#include "tools/memory_options.h"
#include "tools/options.h"

/* Every command's settings begin with this. */
struct common_settings {
	struct machine_choice machine; /* first */
	struct link_choice link; /* migrate's only */
	uint64_t ram_bytes, cpus;
	struct memory_choice memory;
	const char *kernel;
	const char *workload_text;
	const char *json;
	bool dry_run;
	unsigned int progress;
	bool attached; /* to machines that are not ours */
	struct noise noise; /* since common_init() */
	char vmm_version[128]; /* "" = none has run yet */

	/* Resolved by common_resolve(). */
	struct workload workload;
	const void *image; /* the ELF that will run */
	size_t image_bytes;
	void *mapped; /* to be unmapped: the image of --kernel */
};

extern const struct option_spec common_options[];

/* Defaults, before options_parse(). */
void common_init(struct common_settings *s);
/* Checks what belongs together; -EINVAL with a sentence. */
int common_resolve(struct common_settings *s, struct error *err);
/* Can a result be written to @json (may be NULL)? -EINVAL with a sentence. */
int common_check_json(const char *json, struct error *err);
void common_exit(struct common_settings *s);

/* The resolved configuration as the beginning of `params`. */
json_t *common_params(const struct common_settings *s);

/**
 * common_kernel() - the guest image as a file, for a VMM that wants one.
 * @path: room for PATH_MAX; the built-in image is written to @dir.
 * @ret_kernel: --kernel, @path, or NULL: the mini VMM has its own.
 */
int common_kernel(const struct common_settings *s, const char *dir, char *path,
		  const char **ret_kernel, struct error *err);

/* Takes @version down for context.vmm, unless one has come before. */
void common_note_version(struct common_settings *s, const char *version);

/* Where tables go: stdout, unless the document has that. */
FILE *common_out(const struct common_settings *s);

/* One line on stderr that is written over and over, if wanted. */
bool common_shows_progress(const struct common_settings *s);
void common_show_progress(void *ctx, const struct run_progress *progress);
void common_clear_progress(const struct common_settings *s);

/**
 * common_finish() - write the result and choose the exit code.
 * @rc: 0, or the -errno that ended the command, its sentence in @err.
 *
 * -EINVAL is a usage error: no document is written then, nor after an
 * interruption without any sample. The VMM and the noise since common_init()
 * go into the context.
 */
int common_finish(const char *command, const struct common_settings *s,
		  struct result *result, int rc, struct error *err);

#endif
