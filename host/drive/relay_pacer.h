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

#include <stdbool.h>
#include <stdint.h>

#define PACER_RATE_MAX (64ull << 30)

struct pacer {
	uint64_t rate; /* bytes/s, at most PACER_RATE_MAX; 0 = no limit */
	uint64_t free_ns; /* the line has carried all that was sent */
	uint64_t carry; /* the rest of the last division, in 1/rate ns */
	uint64_t sent_ns; /* when something was sent last */
};

void pacer_set_rate(struct pacer *p, uint64_t rate, uint64_t now_ns);

/* Bytes that may go out now. */
uint64_t pacer_allowed(const struct pacer *p, uint64_t now_ns);

/* When sending is worth while again: for @bytes, or a good piece of them. */
uint64_t pacer_ready_ns(const struct pacer *p, uint64_t bytes);

void pacer_sent(struct pacer *p, uint64_t bytes, uint64_t now_ns);

/**
 * pacer_settle() - forget what the line could have carried and did not.
 * @backlog: bytes have been waiting for the line since the last call.
 *
 * To be called before each round of work. What is owed to bytes that waited
 * stays for 200 ms. Else who feeds or empties the line may have lost the CPU:
 * 25 ms stay, but only 1 ms on a line that stood idle for 50 ms.
 */
void pacer_settle(struct pacer *p, bool backlog, uint64_t now_ns);

#endif
