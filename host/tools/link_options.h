/* SPDX-License-Identifier: MIT */
/* The link between source and target: counted, and impaired on purpose. */
#ifndef VMFERRY_TOOLS_LINK_OPTIONS_H
#define VMFERRY_TOOLS_LINK_OPTIONS_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "drive/run.h"
#include "tools/options.h"

struct link_choice {
	unsigned int relay; /* auto, on, off */
	uint64_t rate_bytes_per_s, delay_ns, cut_bytes, cut_round;
	const char *stall_text; /* TIME@round:N */

	/* Resolved. */
	uint64_t stall_ns, stall_round;
};

/* Offsets count from struct common_settings. */
extern const struct option_spec link_options[];

/**
 * link_resolve() - settle what was left to us, and tell the run.
 *
 * auto: a relay where it alone can count (QEMU) or something is to be
 * impaired; the mini VMM's channels count by themselves.
 */
int link_resolve(struct link_choice *c, struct run_settings *run,
		 struct error *err);

void link_params(const struct link_choice *c, const struct run_settings *run,
		 json_t *params);

#endif
