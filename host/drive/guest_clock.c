/* SPDX-License-Identifier: MIT */
/* The guest's TSC on our clock. */
#include "drive/guest_clock.h"

#include "base/clock.h"

/* 1 in so many: what adjtime(3) may slew, and calibration may be off. */
#define DRIFT 2000
/* As low as a bound gets that nobody knows: a year. */
#define NO_BOUND_NS (-31536000ll * (int64_t)NSEC_PER_SEC)

static int64_t tsc_to_ns(const struct guest_clock *c, uint64_t tsc)
{
	return (int64_t)((unsigned __int128)tsc * NSEC_PER_SEC / c->tsc_hz);
}

static void widen(struct guest_clock *c, uint64_t now_ns)
{
	int64_t by = (int64_t)(now_ns - c->at_ns) / DRIFT;

	c->low_ns -= by;
	c->high_ns += by;
}

void guest_clock_see(struct guest_clock *c, uint64_t tsc, uint64_t after_ns,
		     uint64_t by_ns)
{
	int64_t at, low, high;

	if (!c->tsc_hz)
		return;
	at = tsc_to_ns(c, tsc);
	high = (int64_t)by_ns - at;
	low = after_ns ? (int64_t)after_ns - at : high + NO_BOUND_NS;
	if (c->at_ns) {
		widen(c, by_ns);
		/* Else it has jumped: what was known is void. */
		if (low <= c->high_ns && c->low_ns <= high) {
			low = low > c->low_ns ? low : c->low_ns;
			high = high < c->high_ns ? high : c->high_ns;
		}
	}
	c->low_ns = low;
	c->high_ns = high;
	c->at_ns = by_ns;
}

uint64_t guest_clock_width_ns(const struct guest_clock *c)
{
	return c->at_ns ? (uint64_t)(c->high_ns - c->low_ns) : UINT64_MAX;
}

bool guest_clock_bounds(const struct guest_clock *c, uint64_t tsc,
			uint64_t *ret_earliest_ns, uint64_t *ret_latest_ns)
{
	int64_t at;

	if (!c->at_ns)
		return false;
	at = tsc_to_ns(c, tsc);
	*ret_earliest_ns = at + c->low_ns > 0 ? (uint64_t)(at + c->low_ns) : 0;
	*ret_latest_ns = (uint64_t)(at + c->high_ns);
	return true;
}
