/* SPDX-License-Identifier: MIT */
/* Values of migrate's options that are words of their own. All return 0, or
 * -EINVAL with a sentence that names the option. */
#ifndef VMFERRY_TOOLS_MIGRATE_PARSE_H
#define VMFERRY_TOOLS_MIGRATE_PARSE_H

#include <jansson.h>

#include "base/error.h"
#include "tools/options.h"

/* "switchover,after" -> enum run_verify, ORed. */
int migrate_parse_verify(const char *text, unsigned int *ret_verify,
			 struct error *err);
/* "kill-target@PHASE" -> PHASE, inside of @text. */
int migrate_parse_fault(const char *text, const char **ret_phase,
			struct error *err);
/* NAME=on|off, into the object @ret. */
int migrate_parse_capabilities(const struct option_list *list, json_t *ret,
			       struct error *err);
/* NAME=VALUE: on, off, a whole number, or a word; into the object @ret. */
int migrate_parse_parameters(const struct option_list *list, json_t *ret,
			     struct error *err);

#endif
