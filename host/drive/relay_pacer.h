/* SPDX-License-Identifier: MIT */
/*
 * A token bucket without jitter: when may how many bytes go out?
 *
 * It models a serial line. A byte is through once its own time on the line has
 * passed, so that an idle line gives no burst. Who wakes up late may send what
 * the line would have carried meanwhile, as long as bytes were waiting for it.
 */
#ifndef VMFERRY_DRIVE_RELAY_PACER_H
#define VMFERRY_DRIVE_RELAY_PACER_H

#include <stdint.h>

#define PACER_RATE_MAX (64ull << 30)

struct pacer {
	uint64_t rate; /* bytes/s, at most PACER_RATE_MAX; 0 = no limit */
	uint64_t free_ns; /* the line has carried all that was sent */
	uint64_t carry; /* the rest of the last division, in 1/rate ns */
};

void pacer_set_rate(struct pacer *p, uint64_t rate, uint64_t now_ns);

/* Bytes that may go out now. */
uint64_t pacer_allowed(const struct pacer *p, uint64_t now_ns);

/* When sending is worth while again: for @bytes, or for a millisecond's. */
uint64_t pacer_ready_ns(const struct pacer *p, uint64_t bytes);

void pacer_sent(struct pacer *p, uint64_t bytes);

/*
 * To be said at each end of work: credit for time that the line stood idle
 * expires, but for a short rest that covers the scheduling of who feeds it;
 * with @backlog bytes waiting for the line it expires much later.
 */
void pacer_settle(struct pacer *p, int backlog, uint64_t now_ns);

#endif
