/* SPDX-License-Identifier: MIT */
/* The noise of the host, for a result and for a person. */
#include "tools/noise_json.h"

#include <math.h>

static void put(json_t *o, struct result *result, const char *key, double value,
		const char *why_null)
{
	char name[64];

	json_object_set_new(o, key, result_number(value));
	snprintf(name, sizeof(name), "context.noise.%s", key);
	if (isnan(value))
		result_warn_null(result, name, why_null);
}

void noise_to_result(const struct noise_report *r, struct result *result)
{
	char grade[] = { r->grade, '\0' }, text[NOISE_TEXT_BYTES];
	json_t *o = json_pack(
		"{s:o, s:s, s:f, s:s}", "grade",
		r->grade == '?' ? json_null() : json_string(grade), "reason",
		noise_reason(r, text), "span_s", r->span_s, "run_queue_from",
		r->run_queue_is_load ? "loadavg" : "pressure");

	if (r->grade == '?')
		result_warn_null(result, "context.noise.grade",
				 "none of its figures is known");
	put(o, result, "steal_pct", r->steal_pct,
	    "the CPUs had too little work to tell");
	put(o, result, "run_queue_pct", r->run_queue_pct,
	    "neither /proc/pressure/cpu nor /proc/loadavg can be read");
	put(o, result, "own_wait_pct", r->own_wait_pct,
	    "this kernel keeps no schedstat");
	put(o, result, "frequency_span_pct", r->frequency_span_pct,
	    "this host shows no cpufreq");
	/* Spinning would disturb what is measured: only a doctor does. */
	if (!isnan(r->max_gap_us))
		put(o, result, "max_gap_us", r->max_gap_us, "");
	result_set_context(result, "noise", o);
}

void noise_print(const struct noise_report *r, FILE *f)
{
	char text[NOISE_TEXT_BYTES];

	fprintf(f, "Noise: grade %c (%s)\n", r->grade, noise_reason(r, text));
}
