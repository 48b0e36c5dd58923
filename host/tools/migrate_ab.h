/* SPDX-License-Identifier: MIT */
/* Variant B of an A/B comparison. */
#ifndef VMFERRY_TOOLS_MIGRATE_AB_H
#define VMFERRY_TOOLS_MIGRATE_AB_H

#include "tools/migrate_session.h"

/**
 * migrate_ab() - make variant B of a session, if --ab asks for one.
 * @tables: those that variant A was parsed by.
 * @m: variant A is parsed and not yet resolved; nr_variants is set.
 *
 * Return: 0, or -EINVAL with a sentence: an option that is wrong, or that
 * belongs to the command and not to one run.
 */
int migrate_ab(const struct command_help *help,
	       const struct option_spec *const *tables,
	       struct migrate_session *m, struct error *err);

#endif
