/* SPDX-License-Identifier: MIT */
/* Holds a stream to a rate, by debt: send, then wait until it is paid off. */
#include "migrate/limiter.h"

#include "base/clock.h"
#include "migrate/policy.h"

/* A sleeper wakes late, on a busy host very: so much may be caught up. */
#define CATCH_UP_NS (50 * NSEC_PER_MSEC)

#define MAX_DEBT ((uint64_t)1 << 40)

static void earn(struct limiter *l, uint64_t now_ns, uint64_t rate)
{
	uint64_t passed = l->at_ns ? now_ns - l->at_ns : 0;
	uint64_t earned = policy_mul_div(passed, rate, NSEC_PER_SEC);
	uint64_t most = policy_mul_div(CATCH_UP_NS, rate, NSEC_PER_SEC);

	if (!l->at_ns)
		l->at_ns = now_ns;
	if (!earned)
		return; /* goes on gathering */
	l->at_ns = now_ns;
	if (most > INT64_MAX / 2)
		most = INT64_MAX / 2;
	if (earned > MAX_DEBT * 2)
		earned = MAX_DEBT * 2;
	l->credit_bytes += (int64_t)earned;
	if (l->credit_bytes > (int64_t)most)
		l->credit_bytes = (int64_t)most;
}

uint64_t limiter_delay_ns(struct limiter *l, uint64_t now_ns,
			  uint64_t rate_bytes_per_s)
{
	uint64_t wait;

	if (!rate_bytes_per_s) {
		*l = (struct limiter){ .at_ns = now_ns };
		return 0;
	}
	earn(l, now_ns, rate_bytes_per_s);
	if (l->credit_bytes >= 0)
		return 0;
	wait = policy_mul_div((uint64_t)-l->credit_bytes, NSEC_PER_SEC,
			      rate_bytes_per_s) +
	       1;
	return wait < LIMITER_SLICE_NS ? wait : LIMITER_SLICE_NS;
}

void limiter_sent(struct limiter *l, uint64_t bytes)
{
	if (bytes > MAX_DEBT)
		bytes = MAX_DEBT;
	l->credit_bytes -= (int64_t)bytes;
	if (l->credit_bytes < -(int64_t)MAX_DEBT)
		l->credit_bytes = -(int64_t)MAX_DEBT;
}
