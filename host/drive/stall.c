/* SPDX-License-Identifier: MIT */
/* Percentiles and longest gaps of the guest's stall logs. */
#include "drive/stall.h"

/* A hostile guest's counts must not wrap. */
static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* vCPUs [first, end) that @vcpu means. */
static uint32_t first_of(const struct guest_view *view, uint32_t vcpu)
{
	return vcpu < view->control.nr_vcpus ? vcpu : 0;
}

static uint32_t end_of(const struct guest_view *view, uint32_t vcpu)
{
	return vcpu < view->control.nr_vcpus ? vcpu + 1
					     : view->control.nr_vcpus;
}

static uint64_t in_bucket(const struct guest_view *view, uint32_t vcpu,
			  uint32_t bucket)
{
	uint32_t i, end = end_of(view, vcpu);
	uint64_t sum = 0;

	for (i = first_of(view, vcpu); i < end; i++)
		sum = add(sum, view->stall[i].bucket[bucket]);
	return sum;
}

static uint64_t longest_ticks(const struct guest_view *view, uint32_t vcpu)
{
	uint32_t i, end = end_of(view, vcpu);
	uint64_t max = 0;

	for (i = first_of(view, vcpu); i < end; i++)
		if (view->stall[i].max_ticks > max)
			max = view->stall[i].max_ticks;
	return max;
}

uint64_t stall_percentile_ns(const struct guest_view *view, uint32_t vcpu,
			     double pct)
{
	uint64_t total = 0, seen = 0, edge, max;
	uint32_t b;

	for (b = 0; b < ABI_STALL_BUCKETS; b++)
		total = add(total, in_bucket(view, vcpu, b));
	if (!total)
		return 0;
	for (b = 0; b < ABI_STALL_BUCKETS - 1; b++) {
		seen = add(seen, in_bucket(view, vcpu, b));
		if (seen && (double)seen >= (double)total * pct / 100)
			break;
	}
	max = longest_ticks(view, vcpu);
	edge = abi_stall_bucket_floor(b + 1) - 1;
	if (b == ABI_STALL_BUCKETS - 1 || edge > max)
		edge = max;
	return guest_view_ticks_to_ns(view, edge);
}

/* Puts @gap in its place among the @nr longest so far, if it has one. */
static unsigned int insert(struct stall_gap *ret, unsigned int nr,
			   unsigned int max, const struct stall_gap *gap)
{
	uint64_t ticks = gap->end_tsc - gap->start_tsc;
	unsigned int at = nr < max ? nr++ : max;

	while (at && ret[at - 1].end_tsc - ret[at - 1].start_tsc < ticks) {
		if (at < max)
			ret[at] = ret[at - 1];
		at--;
	}
	if (at < max)
		ret[at] = *gap;
	return nr;
}

unsigned int stall_longest(const struct guest_view *view, struct stall_gap *ret,
			   unsigned int max)
{
	unsigned int nr = 0;
	uint32_t i, j;

	for (i = 0; i < view->control.nr_vcpus; i++) {
		for (j = 0; j < ABI_STALL_GAPS; j++) {
			const struct abi_gap *g = &view->stall[i].gap[j];
			struct stall_gap gap = { i, g->start_tsc, g->end_tsc,
						 g->step };

			if (g->step)
				nr = insert(ret, nr, max, &gap);
		}
	}
	return nr;
}
