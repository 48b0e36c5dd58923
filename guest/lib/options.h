/* SPDX-License-Identifier: MIT */
/* The workload's keys: what `start` and the boot configuration may say. */
#ifndef VMFERRY_GUEST_OPTIONS_H
#define VMFERRY_GUEST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"

/* What a phase is; without `phases` there is one, that lasts. */
struct work_phase {
	uint32_t pattern; /* enum oracle_pattern */
	/* Of the patterns that have them; the others leave them alone. */
	uint32_t stride_pages;
	uint32_t hot_pages_pct, hot_steps_pct;
	uint32_t burst_on_ms, burst_off_ms;
	uint32_t duration_ms; /* 0 = for ever */
	uint32_t nr_rates; /* 1..ABI_MAX_RATES */
	uint64_t rate_bytes_per_s[ABI_MAX_RATES]; /* 0 = unpaced */
};

struct work_options {
	struct work_phase phase[ORACLE_MAX_ORDERS];
	uint32_t nr_phases; /* 0: `phases` was not given, phase[0] counts */
	uint32_t write; /* enum oracle_write */
	uint32_t content; /* enum oracle_content */
	uint32_t ratio;
	uint32_t delta_bytes; /* 0 = all that `write` says */
	uint64_t wss_bytes; /* 0 = half of RAM */
	uint64_t seed;
	bool dma; /* DMA engines work too, */
	uint64_t dma_bytes_per_s; /* all of them so fast; 0 = unpaced */
	uint32_t l2; /* enum abi_l2_mode */
	char l2_variant[24]; /* of the nested backend; "" = its plain one */
	bool check;
	bool stop; /* stay stopped after the fill */
};

enum options_result { OPTIONS_OK, OPTIONS_UNKNOWN_KEY, OPTIONS_BAD_VALUE };

/* The defaults. */
void options_init(struct work_options *options);

/*
 * Apply one key; @options is changed on OPTIONS_OK only.
 *
 * phases=KEY:VALUE[&KEY:VALUE...]/TIME[;...]: each phase begins with what was
 * said before, and changes keys of phase_set(); those come before `phases`.
 */
enum options_result options_set(struct work_options *options, const char *key,
				const char *value);

/* One key of a phase, from pattern, stride, hot, burst and rate. @phase is
 * changed on OPTIONS_OK only. */
enum options_result phase_set(struct work_phase *phase, const char *key,
			      const char *value);

/* The value of `phases`, each phase beginning as @options->phase[0]. */
enum options_result phases_set(struct work_options *options, const char *value);

/* The order that a phase stands for. */
struct oracle_order phase_order(const struct work_phase *phase);

#endif
