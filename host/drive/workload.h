/* SPDX-License-Identifier: MIT */
/*
 * --workload: key=value words for the guest's `start`, checked on the host
 * first, so that a typo costs no boot.
 */
#ifndef VMFERRY_DRIVE_WORKLOAD_H
#define VMFERRY_DRIVE_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "control.h"

#define WORKLOAD_LINE_BYTES 1024u

/* Order and tempo: what may change while the workload runs. */
struct workload_phase {
	char pattern[16];
	uint64_t stride_bytes; /* pattern=strided; else 0 */
	/* pattern=hotcold: this share of the pages gets this share of the
	 * steps; else 0. */
	uint32_t hot_pages_pct, hot_steps_pct;
	uint32_t burst_on_ms, burst_off_ms; /* pattern=burst; else 0 */
	/* One: of all vCPUs together; more: vCPU i has rate i % nr_rates. */
	uint64_t rate_bytes_per_s[ABI_MAX_RATES]; /* 0 = as fast as possible */
	uint32_t nr_rates; /* 1..ABI_MAX_RATES */
	uint32_t duration_ms; /* of a phase of `phases`; else 0 */
};

struct workload {
	/* Resolved: what `start` will be told, defaults filled in. */
	struct workload_phase base; /* without `phases` all of the time */
	struct workload_phase phase[ORACLE_MAX_ORDERS];
	uint32_t nr_phases; /* 0 = `phases` was not given */
	char write[16], content[16];
	uint64_t delta_bytes; /* 0 = all that `write` says */
	uint64_t wss_bytes; /* 0 = half of RAM, by the guest */
	uint64_t seed;
	bool dma; /* the machine's DMA engines work too, */
	uint64_t dma_bytes_per_s; /* all of them so fast; 0 = unpaced */
	char l2[40]; /* MODE or MODE:VARIANT; "" = no nested guest */
	bool check;
};

/* The mode alone, of enum abi_l2_mode. */
unsigned int workload_l2_mode(const struct workload *w);
/* Their names, by number. */
#define WORKLOAD_NR_L2 5u
extern const char *const workload_l2_names[WORKLOAD_NR_L2];

/**
 * workload_parse() - check and resolve "K=V,K=V"; NULL or "" = defaults.
 * @ram_bytes: the working set must fit.
 *
 * Return: 0 or -EINVAL with a sentence naming the word.
 */
int workload_parse(const char *text, uint64_t ram_bytes,
		   struct workload *ret_workload, struct error *err);

/* The words for the guest's console, into @line (WORKLOAD_LINE_BYTES). */
const char *workload_words(const struct workload *w, char *line);

/* The value of `phases` alone, resolved, likewise; "" without phases. */
const char *workload_phases(const struct workload *w, char *line);

/* What all vCPUs together are told to write in a second, on the mean over rests
 * and phases; 0 if any of it is "as fast as possible". */
uint64_t workload_target_bytes_per_s(const struct workload *w,
				     unsigned int nr_vcpus);

/* Writes "A%/B%" or "Ams/Bms" into @text (24 bytes); "" if neither applies. */
const char *workload_hot(const struct workload_phase *p, char *text);
const char *workload_burst(const struct workload_phase *p, char *text);

#endif
