/* SPDX-License-Identifier: MIT */
/* How the source's pages leave it: the options, and what it took. */
#ifndef VMFERRY_TOOLS_SEND_OPTIONS_H
#define VMFERRY_TOOLS_SEND_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "drive/run.h"
#include "tools/options.h"

struct send_choice {
	unsigned int mode; /* iovec, copy */
	uint64_t iovecs; /* 0 = not given */
	unsigned int zerocopy; /* off, on */
};

/* Offsets count from struct migrate_settings. */
extern const struct option_spec send_options[];

/* Without a copy by the kernel only TCP does: for a --transport left to us. */
bool send_wants_tcp(const struct send_choice *c);

/**
 * send_resolve() - check what belongs together, and tell the run.
 *
 * After @run's transport, channels and capabilities are settled.
 * Return: 0 or -EINVAL with a sentence.
 */
int send_resolve(const struct send_choice *c, struct run_settings *run,
		 struct error *err);

/* `send` of params; and of a sample: null if nobody says. */
json_t *send_params(const struct run_send *send);
json_t *send_sample(const struct run_sample *s);

#endif
