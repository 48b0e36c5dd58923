/* SPDX-License-Identifier: MIT */
/*
 * Watches the guest's step counters from outside while it moves.
 *
 * A thread reads the counters of the source's and of the target's control area
 * in shared memory. A step seen on the target counts as progress only above
 * the source's counter: until then the target's area holds copies.
 */
#ifndef VMFERRY_DRIVE_SAMPLER_H
#define VMFERRY_DRIVE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

#define SAMPLER_PERIOD_NS 100000ull

struct abi_vcpu;

/* What the sampler saw of one vCPU. Times: CLOCK_MONOTONIC, 0 = never. */
struct sampler_vcpu {
	uint64_t steps; /* the source's counter, last */
	uint64_t last_source_ns; /* its last progress */
	uint64_t first_target_ns; /* first progress beyond it */
	/* End of the pacing pause that the vCPU was in at its last step on
	 * the source; 0 = it was not pausing. */
	uint64_t wait_until_ns;
	uint64_t source_tsc; /* TSC of the last step on the source */
	uint64_t target_tsc; /* TSC of a first step on the target */
	uint64_t target_seen_ns; /* when target_tsc was read */
};

struct sampler_result {
	unsigned int nr_vcpus;
	uint64_t nr_samples;
	uint64_t longest_period_ns; /* between two looks: the resolution */
	struct sampler_vcpu vcpu[ABI_MAX_VCPUS];
};

struct sampler;

/**
 * sampler_start() - begin to watch.
 * @source: the counters of the source, mapped; @nr_vcpus of them.
 * @target: the same in the target's area, or NULL until sampler_set_target().
 * @tsc_hz: the guest's; 0 = unknown (no correction for pacing).
 */
int sampler_start(const struct abi_vcpu *source, const struct abi_vcpu *target,
		  unsigned int nr_vcpus, uint64_t tsc_hz,
		  struct sampler **ret_sampler);

/* Sum of the source's step counters now. */
uint64_t sampler_steps(const struct abi_vcpu *vcpu, unsigned int nr_vcpus);

/* Ends the thread, gives what it saw and frees it. */
void sampler_stop(struct sampler *s, struct sampler_result *ret_result);

/* Has each vCPU that ever made a step on the source made one on the target? */
bool sampler_all_moved(struct sampler *s);

/**
 * sampler_blackout_ns() - last progress on the source -> first on the target.
 *
 * The longest over the vCPUs; a pause that the workload took by itself is not
 * counted, nor is a vCPU that made no step on the source. Return: false if
 * nothing moved, or a vCPU that did has made no step on the target.
 */
bool sampler_blackout_ns(const struct sampler_result *r, uint64_t *ret_ns);

#endif
