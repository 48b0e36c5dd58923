/* SPDX-License-Identifier: MIT */
/* What goes together with --transport memfd. */
#ifndef VMFERRY_TOOLS_HANDOVER_OPTIONS_H
#define VMFERRY_TOOLS_HANDOVER_OPTIONS_H

#include <stdbool.h>

#include "base/error.h"
#include "drive/run.h"
#include "tools/common.h"

/* RAM that is handed over lies in a memfd: before common_resolve(). */
int handover_choose_backing(struct common_settings *s, bool handover,
			    struct error *err);

/* The rest, when the run is settled. */
int handover_resolve(const struct run_settings *run, struct error *err);

#endif
