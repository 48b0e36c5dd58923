/* SPDX-License-Identifier: MIT */
/* Is a hop right? And what a list of many hops says of each. */
#include "tools/migrate_judge.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "report/table.h"
#include "tools/sample_json.h"

/* Damage that was done must be found: right pages, right names, no others. Less
 * of it than was asked for proves nothing. */
static enum result_verdict judge_sabotage(const struct run_settings *run,
					  const struct run_sample *s,
					  struct result *result)
{
	if (s->damage.pages.nr < run->sabotage.count) {
		result_warn(result,
			    "only %zu of %" PRIu64 " pages qualified for the "
			    "sabotage: let the workload rewrite more, longer",
			    s->damage.pages.nr, run->sabotage.count);
		return RESULT_ERROR;
	}
	if (!s->score.missed.nr && !s->score.wrong_class.nr &&
	    !s->score.invented.nr)
		return RESULT_FAIL;
	result_warn(result, "the verifier did not tell the sabotage rightly: "
			    "do not trust it");
	return RESULT_ERROR;
}

static enum result_verdict judge_dropped(const struct run_sample *s,
					 struct result *result)
{
	if (s->l2.known && s->l2.last.nr_bad)
		return RESULT_FAIL;
	/* What has nothing pending in L2 may have no such state. */
	result_warn(result,
		    "that the nested state was dropped did not show: "
		    "vCPU 0 stood in %s; l2=dirty without a rate is "
		    "nearly always in L2",
		    !s->l2.stop_known	  ? "neither L1 nor L2 that is known"
		    : s->l2.at_stop.place ? "L2"
					  : "L1");
	return RESULT_ERROR;
}

enum result_verdict migrate_judge(const struct run_settings *run,
				  const struct run_sample *s,
				  struct result *result)
{
	if (s->completed && run->sabotage.count &&
	    run->sabotage.kind == SABOTAGE_DROP_NESTED)
		return judge_dropped(s, result);
	if (s->completed && run->sabotage.count)
		return judge_sabotage(run, s, result);
	return run_sample_clean(s) ? RESULT_PASS : RESULT_FAIL;
}

static const char *time_or_dash(char *text, double ms)
{
	return isnan(ms) ? "-" : units_format_time(text, ms * 1e6);
}

void migrate_print_short(const char *name, const struct run_sample *s,
			 enum result_verdict verdict, FILE *f)
{
	char a[UNITS_TEXT_BYTES], b[UNITS_TEXT_BYTES], c[UNITS_TEXT_BYTES + 8];

	fprintf(f, "%s  %s  total %s  downtime %s  blackout %s  %zu bad\n",
		name, result_verdict_name(verdict),
		time_or_dash(a, s->total_ms), time_or_dash(b, s->downtime_ms),
		sample_blackout_text(c, s),
		s->source.checked ? s->source.integrity.findings.nr
				  : s->integrity.findings.nr);
	if (!s->completed)
		fprintf(f, "      the migration failed: %s\n",
			s->failure[0] ? s->failure : "no reason given");
}

/* A figure as its name's unit wants it; @sign: differences have theirs. */
static void figure_cell(struct table *t, const char *figure, json_t *value,
			bool sign)
{
	double v = json_number_value(value), size = fabs(v);
	const char *mark = v < 0 ? "-" : sign ? "+" : "";
	char text[UNITS_TEXT_BYTES];
	size_t n = strlen(figure);

	if (!json_is_number(value))
		table_cell(t, "-");
	else if (n > 3 && !strcmp(figure + n - 3, "_ms"))
		table_cell(t, "%s%s", mark,
			   units_format_time(text, size * 1e6));
	else if (strstr(figure, "bytes_per_s"))
		table_cell(t, "%s%s", mark, units_format_rate(text, size));
	else if (strstr(figure, "bytes"))
		table_cell(t, "%s%s", mark,
			   units_format_size(text, (uint64_t)size));
	else
		table_cell(t, "%s%.4g", mark, size);
}

void migrate_print_difference(struct result *result, FILE *f)
{
	static const struct table_column columns[] = {
		{ "figure", TABLE_LEFT },    { "pairs", TABLE_RIGHT },
		{ "A median", TABLE_RIGHT }, { "B median", TABLE_RIGHT },
		{ "B - A", TABLE_RIGHT },    { "95 % from", TABLE_RIGHT },
		{ "to", TABLE_RIGHT },
	};
	const char *figure;
	json_t *doc, *diff, *d;
	struct table *t;

	if (result_document(result, &doc))
		return;
	diff = json_object_get(json_object_get(doc, "difference"), "figures");
	if (!table_create("Difference", columns, 7, &t)) {
		json_object_foreach (diff, figure, d) {
			if (!json_integer_value(json_object_get(d, "n")))
				continue;
			table_cell(t, "%s", figure);
			table_cell(t, "%" JSON_INTEGER_FORMAT,
				   json_integer_value(json_object_get(d, "n")));
			figure_cell(t, figure, json_object_get(d, "a_median"),
				    false);
			figure_cell(t, figure, json_object_get(d, "b_median"),
				    false);
			figure_cell(t, figure, json_object_get(d, "median"),
				    true);
			figure_cell(t, figure, json_object_get(d, "ci95_low"),
				    true);
			figure_cell(t, figure, json_object_get(d, "ci95_high"),
				    true);
		}
		table_print(t, f);
		table_destroy(t);
	}
	json_decref(doc);
}
