/* SPDX-License-Identifier: MIT */
/* Clocks compared over the same two moments. */
#include "drive/timekeeping.h"

#include <math.h>
#include <string.h>

/* A clock's reading in ns; 0 = it is not there. */
static double reading(const struct abi_beat_log *log, const struct abi_beat *b,
		      enum timekeeping_kind kind, uint64_t tsc_hz)
{
	switch (kind) {
	case TIMEKEEPING_TSC:
		return (double)b->tsc * 1e9 / (double)tsc_hz;
	case TIMEKEEPING_KVM:
		return log->clocks & ABI_CLOCK_KVM ? (double)b->kvm_ns : 0;
	default:
		return log->clocks & ABI_CLOCK_HV ? (double)b->hv_100ns * 100
						  : 0;
	}
}

/* Gained by a clock over ours from one mark to another, in ns. */
static double gain(const struct abi_beat_log *log,
		   const struct timekeeping_mark *a,
		   const struct timekeeping_mark *b, enum timekeeping_kind kind,
		   uint64_t tsc_hz)
{
	return reading(log, &b->beat, kind, tsc_hz) -
	       reading(log, &a->beat, kind, tsc_hz) -
	       (double)(b->host_ns - a->host_ns);
}

static void judge_clock(struct timekeeping_clock *c, double stop_ms,
			double tolerance_ms)
{
	bool stood = fabs(c->jump_ms + stop_ms) < fabs(c->jump_ms);

	c->unexplained_ms = c->jump_ms + (stood ? stop_ms : 0);
	c->did = stood ? TIMEKEEPING_STOOD : TIMEKEEPING_RAN;
	if (!(fabs(c->unexplained_ms) <= tolerance_ms))
		c->did = TIMEKEEPING_JUMPED;
}

/* Beats are counted, not believed: ours say how many there were to be. */
static void count_ticks(const struct timekeeping_mark mark[3],
			struct timekeeping *t)
{
	const struct timekeeping_clock *tsc = &t->clock[TIMEKEEPING_TSC];
	double ms = (double)(mark[2].host_ns - mark[1].host_ns) / 1e6;
	double beats = (double)(mark[2].nr - mark[1].nr), due;

	/* The timer goes by the TSC, also where that jumped. */
	if (tsc->did == TIMEKEEPING_STOOD)
		ms -= t->stop_ms;
	if (tsc->did == TIMEKEEPING_JUMPED)
		ms += tsc->jump_ms;
	t->lost_ticks = mark[2].lost - mark[1].lost;
	due = ms / t->period_ms - (double)t->lost_ticks;
	t->doubled_ticks =
		beats - due > 0.75 ? (uint64_t)(beats - due + 0.25) : 0;
}

static bool in_order(const struct timekeeping_mark *a,
		     const struct timekeeping_mark *b)
{
	return a->nr && b->nr > a->nr && b->host_ns > a->host_ns &&
	       b->lost >= a->lost;
}

void timekeeping_judge(const struct abi_beat_log *log,
		       const struct timekeeping_mark mark[3], uint64_t tsc_hz,
		       struct timekeeping *ret)
{
	struct timekeeping t = *ret;
	double span;
	int i;

	ret->measured = false;
	if (!in_order(&mark[0], &mark[1]) || !in_order(&mark[1], &mark[2]) ||
	    !log->period_ticks || !tsc_hz)
		return;
	t.error_ms = (double)(mark[1].error_ns > mark[2].error_ns
				      ? mark[1].error_ns
				      : mark[2].error_ns) /
		     1e6;
	span = (double)(mark[1].host_ns - mark[0].host_ns);
	for (i = 0; i < TIMEKEEPING_NR; i++) {
		struct timekeeping_clock *c = &t.clock[i];

		*c = (struct timekeeping_clock){ .present = false };
		if (!reading(log, &mark[1].beat, i, tsc_hz))
			continue;
		c->present = true;
		c->drift_ppm =
			gain(log, &mark[0], &mark[1], i, tsc_hz) / span * 1e6;
		c->jump_ms = gain(log, &mark[1], &mark[2], i, tsc_hz) / 1e6;
		judge_clock(c, t.stop_ms,
			    TIMEKEEPING_TOLERANCE_MS + t.error_ms);
	}
	count_ticks(mark, &t);
	t.measured = true;
	*ret = t;
}

const char *timekeeping_name(enum timekeeping_kind kind)
{
	static const char *const names[] = { "tsc", "kvm_clock", "hyperv" };

	return names[kind];
}

const char *timekeeping_did_name(enum timekeeping_did did)
{
	static const char *const names[] = { "ran", "stood", "jumped" };

	return names[did];
}

const char *timekeeping_expected(enum timekeeping_kind kind, const char *vmm,
				 const char *accel)
{
	if (!strcmp(vmm, "qemu") && !strcmp(accel, "tcg"))
		return "stands: the TSC is QEMU's virtual clock, which stops "
		       "with the machine";
	if (!strcmp(vmm, "mini"))
		return "runs: what passed while it stood is added";
	if (kind == TIMEKEEPING_TSC)
		return "stands: the saved value is restored; runs where KVM "
		       "gives the host's own TSC";
	return "stands: the value at the stop is restored";
}
