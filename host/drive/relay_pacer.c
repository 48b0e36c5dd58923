/* SPDX-License-Identifier: MIT */
/* The token bucket of the relay, in virtual time of a serial line. */
#include "drive/relay_pacer.h"

#include "base/clock.h"

#define FINE_BYTES (64ull * 1024)
#define CREDIT_IDLE_NS NSEC_PER_MSEC
#define IDLE_AFTER_NS (50 * NSEC_PER_MSEC)
#define CREDIT_STUTTER_NS (25 * NSEC_PER_MSEC)
#define CREDIT_BACKLOG_NS (200 * NSEC_PER_MSEC)

void pacer_set_rate(struct pacer *p, uint64_t rate, uint64_t now_ns)
{
	if (rate > PACER_RATE_MAX)
		rate = PACER_RATE_MAX;
	if (rate == p->rate)
		return;
	p->rate = rate;
	p->free_ns = now_ns;
	p->sent_ns = 0;
	p->carry = 0;
}

uint64_t pacer_allowed(const struct pacer *p, uint64_t now_ns)
{
	uint64_t ns;

	if (!p->rate)
		return UINT64_MAX;
	if (now_ns <= p->free_ns)
		return 0;
	ns = now_ns - p->free_ns;
	/* Keeps the product within 64 bits at PACER_RATE_MAX. */
	if (ns > CREDIT_BACKLOG_NS)
		ns = CREDIT_BACKLOG_NS;
	return ns * p->rate / NSEC_PER_SEC;
}

uint64_t pacer_ready_ns(const struct pacer *p, uint64_t bytes)
{
	uint64_t most = p->rate / 1000; /* a millisecond's */

	if (!p->rate)
		return 0;
	/* A fast line needs finer steps: buffers hold little of its time. */
	if (most > FINE_BYTES)
		most = p->rate / 4000 > FINE_BYTES ? p->rate / 4000
						   : FINE_BYTES;
	if (bytes > most)
		bytes = most;
	if (!bytes)
		bytes = 1;
	return p->free_ns + (bytes * NSEC_PER_SEC + p->rate - 1) / p->rate;
}

void pacer_sent(struct pacer *p, uint64_t bytes, uint64_t now_ns)
{
	uint64_t part, total;

	p->sent_ns = now_ns;
	/* In parts, whose product with a second's ns fits 64 bits. */
	for (; p->rate && bytes; bytes -= part) {
		part = bytes < (1ull << 30) ? bytes : 1ull << 30;
		total = part * NSEC_PER_SEC + p->carry;
		p->free_ns += total / p->rate;
		p->carry = total % p->rate;
	}
}

static uint64_t credit_ns(const struct pacer *p, bool backlog, uint64_t now_ns)
{
	if (backlog)
		return CREDIT_BACKLOG_NS;
	return now_ns - p->sent_ns > IDLE_AFTER_NS ? CREDIT_IDLE_NS
						   : CREDIT_STUTTER_NS;
}

void pacer_settle(struct pacer *p, bool backlog, uint64_t now_ns)
{
	uint64_t credit = credit_ns(p, backlog, now_ns);

	if (p->free_ns + credit < now_ns) {
		p->free_ns = now_ns - credit;
		p->carry = 0;
	}
}
