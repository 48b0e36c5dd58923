/* SPDX-License-Identifier: MIT */
/* What the guest's clocks did, in JSON and in words. */
#include "tools/sample_time.h"

static const char *expected(const struct run_settings *set, int kind)
{
	return timekeeping_expected(kind,
				    set->kind == DRIVE_QEMU ? "qemu" : "mini",
				    set->qemu.accel ? set->qemu.accel : "kvm");
}

static const char *why_null(const struct run_settings *set,
			    const struct run_sample *s)
{
	if (!set->heartbeat_ns)
		return "the guest had no heartbeat (--heartbeat)";
	if (!s->completed)
		return "the migration did not complete";
	return "no beat was seen on both sides";
}

static void warn_jump(const struct timekeeping *t, int i, struct result *result)
{
	result_warn(result,
		    "the guest's %s jumped by %+.1f ms across the migration "
		    "(error %.1f ms)",
		    timekeeping_name(i), t->clock[i].unexplained_ms,
		    t->error_ms);
}

json_t *sample_time(const struct run_settings *set, const struct run_sample *s,
		    struct result *result)
{
	const struct timekeeping *t = &s->time;
	json_t *clocks;
	int i;

	if (!t->measured) {
		result_warn_null(result, "timekeeping", why_null(set, s));
		return json_null();
	}
	clocks = json_array();
	for (i = 0; i < TIMEKEEPING_NR; i++) {
		const struct timekeeping_clock *c = &t->clock[i];

		if (!c->present)
			continue;
		if (c->did == TIMEKEEPING_JUMPED)
			warn_jump(t, i, result);
		json_array_append_new(
			clocks,
			json_pack("{s:s, s:f, s:f, s:f, s:s, s:s}", "clock",
				  timekeeping_name(i), "drift_ppm",
				  c->drift_ppm, "jump_ms", c->jump_ms,
				  "unexplained_ms", c->unexplained_ms, "did",
				  timekeeping_did_name(c->did), "expected",
				  expected(set, i)));
	}
	return json_pack("{s:f, s:f, s:I, s:I, s:f, s:b, s:o}", "period_ms",
			 t->period_ms, "error_ms", t->error_ms, "lost_ticks",
			 (json_int_t)t->lost_ticks, "doubled_ticks",
			 (json_int_t)t->doubled_ticks, "shifted_ms",
			 t->shift_ms, "shift_emulated", t->shift_told, "clocks",
			 clocks);
}

void sample_time_print(const struct run_settings *set,
		       const struct run_sample *s, FILE *f)
{
	const struct timekeeping *t = &s->time;
	int i;

	if (!set->heartbeat_ns)
		return;
	if (!t->measured) {
		fprintf(f, "Time keeping: %s\n", why_null(set, s));
		return;
	}
	fprintf(f, "Time keeping\n  heartbeat %g ms: %llu lost, %llu doubled\n",
		t->period_ms, (unsigned long long)t->lost_ticks,
		(unsigned long long)t->doubled_ticks);
	for (i = 0; i < TIMEKEEPING_NR; i++) {
		const struct timekeeping_clock *c = &t->clock[i];

		if (c->present)
			fprintf(f,
				"  %-9s %s: %+.1f ms over ours, unexplained "
				"%+.1f ms (error %.1f), drift %+.0f ppm\n",
				timekeeping_name(i),
				timekeeping_did_name(c->did), c->jump_ms,
				c->unexplained_ms, t->error_ms, c->drift_ppm);
	}
}
