/* SPDX-License-Identifier: MIT */
/* The options of `vmferry migrate`, and the run that they ask for. */
#ifndef VMFERRY_TOOLS_MIGRATE_OPTIONS_H
#define VMFERRY_TOOLS_MIGRATE_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "drive/run.h"
#include "tools/attach_options.h"
#include "tools/common.h"
#include "tools/migrate_compress.h"
#include "tools/options.h"
#include "tools/predict_meter.h"
#include "tools/send_options.h"
#include "tools/vfio_options.h"

struct migrate_settings {
	struct common_settings common; /* first */
	unsigned int transport;
	unsigned int commit; /* of the devices' memory map */
	uint64_t max_bandwidth, downtime_ns, before_ns, after_ns, timeout_ns;
	uint64_t repeat; /* 0 = not given: 1, or with --for no limit */
	uint64_t seed, hops;
	uint64_t for_ns; /* 0 = no soak */
	uint64_t heartbeat_ns, tsc_shift_ns;
	bool idle;
	bool predict;
	struct predict_meter_ctx meter;
	uint64_t channels;
	struct compress_choice compress;
	struct send_choice send;
	struct vfio_choice vfio;
	const char *snapshot;
	const char *ab; /* options of variant B; NULL, "" = none */
	const char *bundle; /* directory; "" = none; NULL = as --for has it */
	const char *verify_text, *sabotage_text, *fault_text;
	const char *qemu_source, *qemu_target;
	struct option_list capabilities, parameters;
	struct attach_choice attach;
	int argc; /* the command line; set before migrate_resolve() */
	char **argv;
};

extern const struct option_spec migrate_options[], attach_options[];

/* Before options_parse(). */
void migrate_defaults(struct migrate_settings *s);

/**
 * migrate_resolve() - check what belongs together and make a run of it.
 * @run: its capabilities and parameters are to be freed by json_decref(), also
 *	on failure; zeroed before.
 *
 * Return: 0 or -EINVAL with a sentence.
 */
int migrate_resolve(struct migrate_settings *s, struct run_settings *run,
		    struct error *err);

/* `params` of the result. */
json_t *migrate_params(const struct migrate_settings *s,
		       const struct run_settings *run);

#endif
