/* SPDX-License-Identifier: MIT */
/* When to stop the source. */
#include "migrate/policy.h"

#include "base/clock.h"

/* Below it a round is mostly latency. */
#define TELLING_BYTES (1u << 20)

#define PAGE_BYTES 4096u
/* Below it a few pages that happen to be alike decide. */
#define TELLING_PAGES 64u

/* Pausing, saving and loading vCPUs and devices: order of magnitude. */
#define STATE_NS NSEC_PER_MSEC

uint64_t policy_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 value = (unsigned __int128)a * b;

	if (!c || value / c > UINT64_MAX)
		return UINT64_MAX;
	return (uint64_t)(value / c);
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t transfer_ns(const struct policy_input *in)
{
	if (!in->remaining_bytes)
		return 0;
	return policy_mul_div(in->remaining_bytes, NSEC_PER_SEC,
			      in->bandwidth_bytes_per_s);
}

uint64_t policy_expected_downtime_ns(const struct policy_input *in)
{
	return add(transfer_ns(in), in->fixed_ns);
}

bool policy_should_stop(const struct policy_input *in)
{
	uint64_t half = in->limit_ns / 2;
	uint64_t fixed = in->fixed_ns < half ? in->fixed_ns : half;

	return add(transfer_ns(in), fixed) <= in->limit_ns;
}

uint64_t policy_bandwidth(uint64_t previous_bytes_per_s, uint64_t bytes,
			  uint64_t ns)
{
	uint64_t now = policy_mul_div(bytes, NSEC_PER_SEC, ns ? ns : 1);

	if (bytes < TELLING_BYTES && now < previous_bytes_per_s)
		return previous_bytes_per_s;
	return now;
}

uint64_t policy_page_bytes(uint64_t previous, uint64_t wire_bytes,
			   uint64_t pages)
{
	uint64_t now = pages ? wire_bytes / pages : PAGE_BYTES;

	if (now < 1)
		now = 1;
	if (now > PAGE_BYTES)
		now = PAGE_BYTES;
	if (previous && (!pages || (pages < TELLING_PAGES && now < previous)))
		return previous;
	return now;
}

/* Mean length of @runs, at most @max. */
static uint64_t mean_length(uint64_t pages, uint64_t runs, uint64_t max)
{
	uint64_t mean = runs ? pages / runs : 1;

	if (!mean)
		return 1;
	return mean < max ? mean : max;
}

uint64_t policy_sparser(uint64_t sent_pages, uint64_t sent_runs, uint64_t pages,
			uint64_t runs, unsigned int max_pages)
{
	uint64_t before = mean_length(sent_pages, sent_runs, max_pages);
	uint64_t now = mean_length(pages, runs, max_pages);

	return max_pages > 1 && before > now ? before / now : 1;
}

uint64_t policy_fixed_ns(uint64_t round_trip_ns)
{
	/* State -> ready, go -> running. */
	return add(STATE_NS, add(round_trip_ns, round_trip_ns));
}
