/* SPDX-License-Identifier: MIT */
/* The workload's keys: what `start` and the boot configuration may say. */
#ifndef VMFERRY_GUEST_OPTIONS_H
#define VMFERRY_GUEST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct work_options {
	uint32_t pattern; /* enum oracle_pattern */
	uint32_t write; /* enum oracle_write */
	uint32_t content; /* enum oracle_content */
	uint32_t ratio;
	uint64_t rate_bytes_per_s; /* 0 = as fast as it goes */
	uint64_t wss_bytes; /* 0 = half of RAM */
	uint64_t seed;
	bool check;
	bool stop; /* stay stopped after the fill */
};

enum options_result { OPTIONS_OK, OPTIONS_UNKNOWN_KEY, OPTIONS_BAD_VALUE };

/* The defaults. */
void options_init(struct work_options *options);

/* Apply one key; @options is changed on OPTIONS_OK only. */
enum options_result options_set(struct work_options *options, const char *key,
				const char *value);

#endif
