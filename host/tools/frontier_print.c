/* SPDX-License-Identifier: MIT */
/* A frontier for people. */
#include <inttypes.h>
#include <math.h>

#include "base/units.h"
#include "report/table.h"
#include "tools/frontier_report.h"

static double number(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static const char *word(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static const char *rate(const json_t *o, const char *key, char *text)
{
	double v = number(o, key);

	return isnan(v) ? "-" : units_format_rate(text, v);
}

static const char *time_of(const json_t *o, const char *key, char *text)
{
	double v = number(o, key);

	return isnan(v) ? "-" : units_format_time(text, v * 1e6);
}

static const char *bandwidth(const json_t *o, char *text)
{
	double v = number(o, "bandwidth_bytes_per_s");

	return v > 0 ? units_format_rate(text, v) : "none";
}

void frontier_print_try(const struct frontier *f, const json_t *s, FILE *out)
{
	char link[UNITS_TEXT_BYTES], limit[UNITS_TEXT_BYTES];
	char asked[UNITS_TEXT_BYTES], got[UNITS_TEXT_BYTES];
	char down[UNITS_TEXT_BYTES], total[UNITS_TEXT_BYTES];

	fprintf(out,
		"%u/%u %s  link %s  limit %s  rate %s (%s)  try %u: %s  "
		"downtime %s  total %s\n",
		f->which + 1, f->nr_cells, word(s, "variant"),
		bandwidth(s, link), time_of(s, "downtime_limit_ms", limit),
		rate(s, "rate_bytes_per_s", asked),
		rate(s, "during_bytes_per_s", got), f->try, word(s, "outcome"),
		time_of(s, "downtime_ms", down), time_of(s, "total_ms", total));
	/* This is long, and watched. */
	fflush(out);
}

static void found_cells(struct table *t, const json_t *r)
{
	char text[UNITS_TEXT_BYTES];
	const char *bound = word(r, "bound");

	if (*bound == 'b')
		table_cell(t, "none");
	else
		table_cell(t, "%s%s", *bound == 'a' ? ">= " : "",
			   rate(r, "rate_bytes_per_s", text));
	table_cell(t, "%s", rate(r, "achieved_bytes_per_s", text));
	table_cell(t, "%s", time_of(r, "downtime_ms", text));
	table_cell(t, "%s", rate(r, "missed_bytes_per_s", text));
	table_cell(t, "%s", word(r, "missed_because"));
	table_cell(t, "%s", time_of(r, "missed_downtime_ms", text));
	table_cell(t, "%.0f of %.0f", number(r, "late_tries"),
		   number(r, "tries"));
	table_cell(t, "%s", time_of(r, "worst_late_ms", text));
}

int frontier_print(const json_t *rows, FILE *out)
{
	static const struct table_column columns[] = {
		{ "variant", TABLE_LEFT },    { "link", TABLE_RIGHT },
		{ "limit", TABLE_RIGHT },     { "meets it at", TABLE_RIGHT },
		{ "achieved", TABLE_RIGHT },  { "downtime", TABLE_RIGHT },
		{ "misses at", TABLE_RIGHT }, { "because", TABLE_LEFT },
		{ "downtime", TABLE_RIGHT },  { "late tries", TABLE_RIGHT },
		{ "worst", TABLE_RIGHT },
	};
	char text[UNITS_TEXT_BYTES];
	struct table *t;
	const json_t *r;
	size_t i, k;
	int rc = table_create("Largest dirty rate that meets the limit",
			      columns, 11, &t);

	if (rc)
		return rc;
	json_array_foreach ((json_t *)rows, i, r) {
		table_cell(t, "%s", word(r, "variant"));
		table_cell(t, "%s", bandwidth(r, text));
		table_cell(t, "%s", time_of(r, "downtime_limit_ms", text));
		if (json_is_null(json_object_get(r, "skipped")))
			found_cells(t, r);
		for (k = 0;
		     !json_is_null(json_object_get(r, "skipped")) && k < 8; k++)
			table_cell(t, "-");
	}
	rc = table_print(t, out);
	table_destroy(t);
	return rc;
}
