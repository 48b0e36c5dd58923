/* SPDX-License-Identifier: MIT */
/* `l2` of a sample: the workload's nested guest. */
#include "tools/sample_l2.h"

#include <inttypes.h>

json_t *sample_l2(const struct run_settings *settings,
		  const struct run_sample *s)
{
	const struct abi_l2 *l = &s->l2.last;
	const char *name = run_l2_bad_name(&s->l2);
	const char *place = s->l2.at_stop.place == ABI_L2_IN_L2 ? "l2" : "l1";
	char text[200];

	if (!workload_l2_mode(&settings->workload) || !s->l2.known)
		return json_null();
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:s?, s:I, s:I, s:s?}",
			 "stopped_in", s->l2.stop_known ? place : "unknown",
			 "right", !run_l2_bad(&s->l2, text), "rounds",
			 (json_int_t)l->rounds, "exits", (json_int_t)l->exits,
			 "bad", (json_int_t)l->nr_bad, "first", name, "round",
			 (json_int_t)l->bad_round, "detail",
			 (json_int_t)l->bad_detail, "sentence",
			 run_l2_bad(&s->l2, text));
}

void sample_l2_explain(const struct run_settings *settings,
		       const struct run_sample *s, struct result *result)
{
	char text[200];

	if (!workload_l2_mode(&settings->workload)) {
		result_warn_null(result, "l2",
				 "the workload has no nested guest");
		return;
	}
	if (!s->l2.known) {
		result_warn_null(result, "l2",
				 s->completed
					 ? "the guest's counts cannot be "
					   "seen"
					 : "the migration did not complete");
		return;
	}
	if (!run_l2_bad_name(&s->l2))
		result_warn_null(result, "l2.first", "nothing was found");
	if (!run_l2_bad(&s->l2, text))
		result_warn_null(result, "l2.sentence", "nothing is wrong");
}

void sample_l2_print(const struct run_settings *settings,
		     const struct run_sample *s, FILE *f)
{
	const char *bad;
	char text[200];

	if (!workload_l2_mode(&settings->workload) || !s->l2.known)
		return;
	bad = run_l2_bad(&s->l2, text);
	fprintf(f,
		"Nested guest\n  %s: stopped in %s; %" PRIu64
		" exits made by L2, %" PRIu64 " counted by L1; %s\n",
		settings->workload.l2,
		!s->l2.stop_known     ? "?"
		: s->l2.at_stop.place ? "L2"
				      : "L1",
		s->l2.last.rounds, s->l2.last.exits,
		bad ? bad : "all registers right");
}
