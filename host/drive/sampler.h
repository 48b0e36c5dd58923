/* SPDX-License-Identifier: MIT */
/*
 * Watches the guest's step counters from outside while it moves.
 *
 * A thread reads the counters of the source's and of the target's control area,
 * in shared memory or from their processes. A step seen on the target counts as progress only above
 * the source's counter, read after it: until then the target's area holds
 * copies, and a copy is never ahead of the original.
 *
 * When the last step on the source was made is taken from its stamp, by the
 * guest's clock (guest_clock.h), within the bounds that the looks give.
 */
#ifndef VMFERRY_DRIVE_SAMPLER_H
#define VMFERRY_DRIVE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "drive/counters.h"
#include "drive/guest_clock.h"

/*
 * Between two looks: while all goes on, when each look may cost the guest more
 * than it takes (the timer may strike on a vCPU's CPU); and as soon as a vCPU
 * stands still. What it did before is known from its own stamps.
 */
#define SAMPLER_CALM_NS 5000000ull
#define SAMPLER_PERIOD_NS 100000ull

/*
 * It begins with looks that close, to learn the guest's clock: a workload that
 * pauses between bursts seldom makes a step while two calm looks follow each
 * other closely, and a short migration has few of them. Until a stamp is known
 * that well, or for that long: more than a pause.
 */
#define SAMPLER_LEARNED_NS 200000ull
#define SAMPLER_LEARN_MAX_NS 30000000ull

/* What the sampler saw of one vCPU. Times: CLOCK_MONOTONIC, 0 = never. */
struct sampler_vcpu {
	uint64_t steps; /* the source's counter, last */
	uint64_t last_source_ns; /* its last progress, at the latest */
	uint64_t source_error_ns; /* it may have been that much earlier */
	uint64_t first_target_ns; /* first progress beyond it, as seen */
	uint64_t target_error_ns; /* it may have been that much earlier */
	/* End of the pacing pause that the vCPU was in at its last step on
	 * the source; 0 = it was not pausing. */
	uint64_t wait_until_ns;
	uint64_t source_tsc; /* TSC of the last step on the source */
	uint64_t target_tsc; /* TSC of a first step on the target */
};

struct sampler_result {
	unsigned int nr_vcpus;
	uint64_t nr_samples;
	uint64_t longest_period_ns; /* between two looks */
	struct sampler_vcpu vcpu[ABI_MAX_VCPUS];
};

/* One look at one vCPU's two counters. */
struct sampler_look {
	uint64_t target_steps, target_tsc; /* read before the rest */
	uint64_t steps, step_tsc, wait_until_tsc;
	uint64_t after_ns; /* when the look before began; 0 = it's the first */
	uint64_t now_ns; /* CLOCK_MONOTONIC, read after the rest */
};

/**
 * sampler_see() - what one look tells of a vCPU. Pure: the thread's logic.
 * @first: there was no look before: its steps are no progress.
 */
void sampler_see(struct guest_clock *clock, struct sampler_vcpu *seen,
		 const struct sampler_look *look, bool first);

struct sampler;

/**
 * sampler_start() - begin to watch.
 * @source, @target: of the same number of vCPUs; must outlive the sampler.
 * @tsc_hz: the guest's; 0 = unknown (no correction for pacing).
 */
int sampler_start(const struct counters *source, const struct counters *target,
		  uint64_t tsc_hz, struct sampler **ret_sampler);

/**
 * sampler_replace_source() - look at another source from now on.
 * @source: of the same number of vCPUs; must outlive the sampler.
 *
 * For a machine that stops and goes on in its place: while it stands, a copy
 * of its counters becomes the source, and itself is the target.
 *
 * Context: any thread; while no counter moves.
 */
void sampler_replace_source(struct sampler *s, const struct counters *source);

/* Has it learnt the guest's clock, or given up on it? */
bool sampler_settled(struct sampler *s);

/* The source stops: don't wait for the next look to find out. */
void sampler_hurry(struct sampler *s);

/* Ends the thread, gives what it saw (may be NULL) and frees it. */
void sampler_stop(struct sampler *s, struct sampler_result *ret_result);

/* Has each vCPU that made a step on the source made one on the target? False
 * if none did. */
bool sampler_all_moved(struct sampler *s);

/**
 * sampler_blackout_ns() - last progress on the source -> first on the target.
 *
 * The longest over the vCPUs; a pause that the workload took by itself is not
 * counted, nor is a vCPU that made no step on the source. Return: false if
 * nothing moved, or a vCPU that did has made no step on the target.
 */
bool sampler_blackout_ns(const struct sampler_result *r, uint64_t *ret_ns);

/**
 * sampler_resolution_ns() - no error of the blackout is greater.
 *
 * The greatest over the vCPUs that sampler_blackout_ns() counts. Return: false
 * where that gives false.
 */
bool sampler_resolution_ns(const struct sampler_result *r, uint64_t *ret_ns);

#endif
