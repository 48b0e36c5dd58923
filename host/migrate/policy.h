/* SPDX-License-Identifier: MIT */
/* When to stop the source: pure decisions on measured numbers. */
#ifndef VMFERRY_MIGRATE_POLICY_H
#define VMFERRY_MIGRATE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

struct policy_input {
	/* Dirty, counted as if none were zero; as they lie in memory without
	 * compression, else as they will travel: see policy_page_bytes(). */
	uint64_t remaining_bytes;
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

/**
 * policy_page_bytes() - what a page that is not zero takes on the wire.
 * @previous: what the rounds before gave; 0 = none.
 * @wire_bytes: of a round; @pages: of these in it.
 *
 * The bandwidth is one of wire bytes: compressed pages that remain have to be
 * reckoned in them too, or a link that fits them into the downtime never seems
 * to. A round too small to tell can raise the figure, not lower it; and it is
 * never above a page that is sent as it is.
 *
 * Return: 1..4096 bytes.
 */
uint64_t policy_page_bytes(uint64_t previous, uint64_t wire_bytes,
			   uint64_t pages);

/**
 * policy_sparser() - how much more what remains may take than it seems to.
 * @sent_pages, @sent_runs: of the round that gave the bandwidth, and how many
 * stretches of adjacent pages they were; @pages, @runs: of what remains.
 * @max_pages: adjacent ones that are compressed as one; 0 = nothing is.
 *
 * A page alone costs more time and more bytes than one of sixteen. By how much
 * only a round of such pages tells: until there was one, the worst is assumed.
 *
 * Return: 1..@max_pages, to multiply the remaining bytes by.
 */
uint64_t policy_sparser(uint64_t sent_pages, uint64_t sent_runs, uint64_t pages,
			uint64_t runs, unsigned int max_pages);

/* Fixed part, from the time that the answer to `hello` took. */
uint64_t policy_fixed_ns(uint64_t round_trip_ns);

/* a * b / c without overflow in between; UINT64_MAX if it doesn't fit. */
uint64_t policy_mul_div(uint64_t a, uint64_t b, uint64_t c);

#endif
