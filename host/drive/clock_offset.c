/* SPDX-License-Identifier: MIT */
/* Intervals of clock differences. */
#include "drive/clock_offset.h"

/* Far beyond every clock; keeps all sums within 64 bits. */
#define STAMP_MAX_US (INT64_MAX / 4000)
#define OURS_MAX_NS ((uint64_t)INT64_MAX / 4)

static int64_t min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void clock_offset_join(struct clock_offset *c, const struct clock_offset *later)
{
	int64_t low, high;

	if (!later->known)
		return;
	if (!c->known) {
		*c = *later;
		return;
	}
	low = max(c->low_ns, later->low_ns);
	high = min(c->high_ns, later->high_ns);
	if (low > high) {
		low = min(c->low_ns, later->low_ns);
		high = max(c->high_ns, later->high_ns);
	}
	c->low_ns = low;
	c->high_ns = high;
}

void clock_offset_see(struct clock_offset *c, uint64_t sent_ns,
		      int64_t stamp_us, uint64_t arrived_ns)
{
	struct clock_offset one = { .known = true };

	if (stamp_us < 0 || stamp_us > STAMP_MAX_US || sent_ns > arrived_ns ||
	    arrived_ns > OURS_MAX_NS)
		return;
	one.low_ns = stamp_us * 1000 - (int64_t)arrived_ns;
	one.high_ns = (stamp_us + 1) * 1000 - (int64_t)sent_ns;
	clock_offset_join(c, &one);
}

bool clock_offset_between(const struct clock_offset *a,
			  const struct clock_offset *b, double *ret_offset_us,
			  double *ret_error_us)
{
	if (!a->known || !b->known)
		return false;
	/* As integers first: a double has no room for ns since 1970. */
	*ret_offset_us = ((double)(b->low_ns - a->low_ns) +
			  (double)(b->high_ns - a->high_ns)) /
			 2e3;
	*ret_error_us = ((double)(a->high_ns - a->low_ns) +
			 (double)(b->high_ns - b->low_ns)) /
			2e3;
	return true;
}

int64_t clock_offset_ours_ns(const struct clock_offset *c, int64_t stamp_us)
{
	return stamp_us * 1000 - (c->low_ns + (c->high_ns - c->low_ns) / 2);
}
