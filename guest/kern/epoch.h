/* SPDX-License-Identifier: MIT */
/* Epochs: starting, stopping, verifying the workload on all vCPUs. */
#ifndef VMFERRY_GUEST_EPOCH_H
#define VMFERRY_GUEST_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/options.h"

/* All of this: first vCPU, ring 0. */

/* The largest working set. */
uint64_t epoch_max_bytes(void);

/* Pages of the working set that @options asks for; 0 if it does not fit. */
uint64_t epoch_fit_pages(const struct work_options *options);

/* A new epoch of epoch_fit_pages() pages, filled in the background. */
void epoch_start(const struct work_options *options);

/* Stop at a step boundary on every vCPU. Return: steps of all. */
uint64_t epoch_stop(void);

/* The rates of @phase, in all phases. */
void epoch_set_rate(const struct work_phase *phase);
/* What the phase that is on is told; 0 = as fast as it goes. */
uint64_t epoch_target_bytes_per_s(void);

/* Look after what the other vCPUs have done: fill, bad pages. */
void epoch_poll(void);

struct epoch_totals {
	uint64_t steps, filled, bad;
};
struct epoch_totals epoch_totals(void);

/* Only when stopped. */
void epoch_verify(uint64_t *ret_pages, uint64_t *ret_bad);

/* The bare store loop over the working set's area; ends the epoch. */
void epoch_bench(uint64_t ms, uint64_t *ret_stores_per_s, uint64_t *ret_pages);

#endif
