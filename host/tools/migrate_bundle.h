/* SPDX-License-Identifier: MIT */
/* The failure bundle: a directory with all that is known of the first hop that
 * went wrong, and a command that does it again. */
#ifndef VMFERRY_TOOLS_MIGRATE_BUNDLE_H
#define VMFERRY_TOOLS_MIGRATE_BUNDLE_H

#include "tools/migrate_session.h"

/* Can it be made, if it is ever wanted? -EINVAL with a sentence. */
int migrate_bundle_check(const struct migrate_session *m, struct error *err);

/**
 * migrate_bundle() - make it, if the session wants one and has none yet.
 * @sample: of @hop, as the result has it.
 *
 * Says where it lies, or why there is none: no failure of the session.
 */
void migrate_bundle(struct migrate_session *m, const struct run_hop *hop,
		    json_t *sample);

#endif
