/* SPDX-License-Identifier: MIT */
/* When to stop the source: pure decisions on measured numbers. */
#ifndef VMFERRY_MIGRATE_POLICY_H
#define VMFERRY_MIGRATE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct policy_input {
	uint64_t remaining_bytes; /* dirty, counted as if none were zero */
	uint64_t bandwidth_bytes_per_s; /* of this migration; 0 = unknown */
	uint64_t fixed_ns; /* pause, state and messages, whatever is dirty */
	uint64_t limit_ns; /* of the downtime */
};

/* UINT64_MAX if bytes remain and the bandwidth is unknown. */
uint64_t policy_expected_downtime_ns(const struct policy_input *in);

/*
 * May the machine stop now? The fixed part counts for at most half of the
 * limit: it is a guess, and must not keep a machine from ever stopping.
 */
bool policy_should_stop(const struct policy_input *in);

/**
 * policy_bandwidth() - the bandwidth to reckon with after a round.
 * @previous_bytes_per_s: what the rounds before gave; 0 = none.
 * @bytes: on the wire in this round; @ns: time it took, acknowledgement and
 * limiter included.
 *
 * A short round tells the latency and not the bandwidth: it can raise the
 * figure, not lower it.
 */
uint64_t policy_bandwidth(uint64_t previous_bytes_per_s, uint64_t bytes,
			  uint64_t ns);

/* Fixed part, from the time that the answer to `hello` took. */
uint64_t policy_fixed_ns(uint64_t round_trip_ns);

/* a * b / c without overflow in between; UINT64_MAX if it doesn't fit. */
uint64_t policy_mul_div(uint64_t a, uint64_t b, uint64_t c);

#endif
