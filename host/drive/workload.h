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

#define WORKLOAD_LINE_BYTES 512u

struct workload {
	/* Resolved: what `start` will be told, defaults filled in. */
	char pattern[16], write[16], content[16];
	uint64_t rate_bytes_per_s; /* 0 = as fast as possible */
	uint64_t wss_bytes; /* 0 = half of RAM, by the guest */
	uint64_t seed;
	bool check;
};

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

#endif
