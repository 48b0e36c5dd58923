/* SPDX-License-Identifier: MIT */
/* Holds a stream to a rate. Pure: the caller has the clock and sleeps. */
#ifndef VMFERRY_MIGRATE_LIMITER_H
#define VMFERRY_MIGRATE_LIMITER_H

#include <stdint.h>

struct limiter {
	int64_t credit_bytes; /* negative: sent ahead of the rate */
	uint64_t at_ns; /* credit is reckoned up to here; 0 = begins */
};

/* Longest sleep at a time, so that a new rate is in force soon. */
#define LIMITER_SLICE_NS 10000000ull

/**
 * limiter_delay_ns() - how long to wait before the next bytes.
 * @rate_bytes_per_s: of now, may differ at each call; 0 = no limit.
 *
 * Return: 0 to send, else time to sleep before asking again.
 */
uint64_t limiter_delay_ns(struct limiter *l, uint64_t now_ns,
			  uint64_t rate_bytes_per_s);
void limiter_sent(struct limiter *l, uint64_t bytes);

#endif
