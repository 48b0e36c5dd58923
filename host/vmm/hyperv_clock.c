/* SPDX-License-Identifier: MIT */
/* Scale and offset of the reference clock. */
#include "vmm/hyperv_clock.h"

#include "hyperv.h"

/* Real time is slewed, and is read some time before or after the TSC. */
#define SLACK_100NS 20000u

uint64_t hv_clock_scale(uint64_t tsc_hz)
{
	if (tsc_hz <= HV_CLOCK_HZ)
		return 0;
	return (uint64_t)(((unsigned __int128)HV_CLOCK_HZ << 64) / tsc_hz);
}

static uint64_t scaled(uint64_t scale, uint64_t tsc)
{
	return (uint64_t)((unsigned __int128)tsc * scale >> 64);
}

uint64_t hv_clock_at(const struct hv_clock *clock, uint64_t tsc)
{
	return scaled(clock->scale, tsc) + (uint64_t)clock->offset;
}

void hv_clock_start(struct hv_clock *clock, uint64_t tsc_hz, uint64_t tsc,
		    uint64_t ref)
{
	clock->scale = hv_clock_scale(tsc_hz);
	clock->offset = (int64_t)(ref - scaled(clock->scale, tsc));
	if (!clock->sequence)
		clock->sequence = 1;
}

static void next_sequence(struct hv_clock *clock)
{
	if (++clock->sequence >= UINT32_MAX || !clock->sequence)
		clock->sequence = 1;
}

/* KVM's own tolerance for the same clock, measured twice. */
static bool same_frequency(uint64_t a, uint64_t b)
{
	uint64_t apart = a > b ? a - b : b - a;

	return apart <= b / 4000;
}

bool hv_clock_move(struct hv_clock *clock, const struct hv_clock_move *m)
{
	uint64_t wanted = m->ref + m->elapsed_100ns, is, slack, apart;
	uint64_t ahead;

	next_sequence(clock);
	is = hv_clock_at(clock, m->tsc);
	ahead = is - m->ref;
	apart = is > wanted ? is - wanted : wanted - is;
	slack = m->elapsed_100ns / 1000 + SLACK_100NS;
	if (same_frequency(m->tsc_hz, m->saved_tsc_hz) && apart <= slack &&
	    (int64_t)ahead >= 0)
		return false;
	hv_clock_start(clock, m->tsc_hz, m->tsc, wanted);
	return true;
}
