/* SPDX-License-Identifier: MIT */
/* The options that name two machines which run already. */
#ifndef VMFERRY_TOOLS_ATTACH_OPTIONS_H
#define VMFERRY_TOOLS_ATTACH_OPTIONS_H

#include <stdbool.h>

#include "base/error.h"
#include "drive/run.h"
#include "tools/options.h"

/* Offsets count from struct attach_choice. */
struct attach_choice {
	const char *source_qmp, *target_qmp;
	const char *source_console, *target_console;
	const char *uri;
};

/**
 * attach_resolve() - check what was given together.
 * @argv: the whole command line: options that would have no effect are refused.
 * @has_workload: --workload is given.
 * @ret_attach: all zero if no machine is named.
 *
 * Return: 0, or -EINVAL with a sentence.
 */
int attach_resolve(const struct attach_choice *c, int argc, char **argv,
		   bool has_workload, struct run_attach *ret_attach,
		   struct error *err);

#endif
