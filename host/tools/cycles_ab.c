/* SPDX-License-Identifier: MIT */
/* Exit costs with and without a feature: pairs of boots that took turns. */
#include "tools/cycles_ab.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/paired.h"
#include "report/result.h"
#include "report/stats.h"
#include "report/table.h"
#include "tools/cycles_report.h"

/* What -cpu may be given, and no more. */
#define LETTERS                                                                \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+=:"

static bool fits(const struct cycles_features *f, const char *word, size_t n)
{
	unsigned int i;

	if (!n || n >= CYCLES_FEATURE_BYTES || word[0] == '+' ||
	    word[n - 1] == '+' || strspn(word, LETTERS) < n)
		return false;
	for (i = 0; i < f->nr; i++)
		if (strlen(f->name[i]) == n && !memcmp(f->name[i], word, n))
			return false;
	return true;
}

int cycles_ab_parse(const char *text, struct cycles_features *ret,
		    struct error *err)
{
	const char *at = text;
	size_t n;

	memset(ret, 0, sizeof(*ret));
	strcpy(ret->name[0], CYCLES_BASE);
	ret->nr = 1;
	while (at) {
		n = strcspn(at, ",");
		if (!fits(ret, at, n))
			return error_set(err, -EINVAL,
					 "--ab takes features, joined by "
					 "commas, each once, not '%.*s'",
					 (int)n, at);
		if (ret->nr > CYCLES_MAX_FEATURES)
			return error_set(err, -EINVAL,
					 "--ab takes at most %u features",
					 CYCLES_MAX_FEATURES);
		memcpy(ret->name[ret->nr++], at, n);
		at = at[n] ? at + n + 1 : NULL;
	}
	return 0;
}

const char *cycles_ab_cpu(const char *model, const char *feature,
			  char cpu[CYCLES_CPU_BYTES])
{
	size_t used = (size_t)snprintf(cpu, CYCLES_CPU_BYTES, "%.300s", model);
	const char *at = feature;

	while (*at && used < CYCLES_CPU_BYTES) {
		size_t n = strcspn(at, "+");
		bool off = *at == '-', set = memchr(at, '=', n);

		used += (size_t)snprintf(cpu + used, CYCLES_CPU_BYTES - used,
					 ",%.*s%s", (int)(n - off), at + off,
					 set   ? ""
					 : off ? "=off"
					       : "=on");
		at += n + (at[n] == '+');
	}
	return cpu;
}

static double figure_of(json_t *samples, const char *variant, int repeat,
			const json_t *probe)
{
	const char *name = json_string_value(json_object_get(probe, "probe"));
	int ring = (int)json_integer_value(json_object_get(probe, "ring"));
	const char *its;
	json_t *sample;
	size_t i;

	json_array_foreach (samples, i, sample) {
		its = json_string_value(json_object_get(sample, "variant"));
		if (!strcmp(its, variant) &&
		    json_integer_value(json_object_get(sample, "repeat")) ==
			    repeat)
			return cycles_p50_ns(sample, name, ring);
	}
	return NAN;
}

static double median(double *values, size_t nr)
{
	struct stats stats = { .n = 0 };

	if (!nr || stats_compute(values, nr, &stats))
		return NAN;
	return stats.median;
}

/* @room: three times the number of samples. */
static json_t *row(json_t *samples, const char *feature, const json_t *probe,
		   double *room)
{
	size_t most = json_array_size(samples), n = 0;
	double *base = room, *with = room + most, *less = room + 2 * most;
	struct paired p = { .n = 0, .median = NAN };
	int repeat;
	json_t *o;

	for (repeat = 1; repeat <= (int)most; repeat++) {
		base[n] = figure_of(samples, CYCLES_BASE, repeat, probe);
		with[n] = figure_of(samples, feature, repeat, probe);
		if (isnan(base[n]) || isnan(with[n]))
			continue;
		less[n] = with[n] - base[n];
		n++;
	}
	if (n)
		paired_compute(less, n, &p);
	o = json_pack("{s:s, s:O, s:O, s:I}", "feature", feature, "probe",
		      json_object_get(probe, "probe"), "ring",
		      json_object_get(probe, "ring"), "n", (json_int_t)n);
	json_object_set_new(o, "base_p50_ns", result_number(median(base, n)));
	json_object_set_new(o, "feature_p50_ns",
			    result_number(median(with, n)));
	json_object_set_new(o, "difference_ns", result_number(p.median));
	json_object_set_new(o, "ci95_low_ns",
			    result_number(p.has_interval ? p.low : NAN));
	json_object_set_new(o, "ci95_high_ns",
			    result_number(p.has_interval ? p.high : NAN));
	return o;
}

json_t *cycles_ab_rows(json_t *samples, const struct cycles_features *f)
{
	json_t *rows = json_array(), *probes, *probe;
	size_t nr = json_array_size(samples), i;
	double *room = calloc(3 * nr + 1, sizeof(*room));
	unsigned int k;

	probes = json_object_get(json_array_get(samples, 0), "probes");
	for (k = 1; room && k < f->nr; k++) {
		if (f->skipped[k][0])
			continue;
		json_array_foreach (probes, i, probe)
			json_array_append_new(
				rows, row(samples, f->name[k], probe, room));
	}
	free(room);
	return rows;
}

static double number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static void time_cell(struct table *t, double ns)
{
	char text[UNITS_TEXT_BYTES];

	if (isnan(ns))
		table_cell(t, "-");
	else
		table_cell(t, "%s%s", ns <= -0.5 ? "-" : "",
			   units_format_time(text, fabs(ns)));
}

static void interval_cell(struct table *t, double low, double high)
{
	char from[UNITS_TEXT_BYTES], to[UNITS_TEXT_BYTES];

	if (isnan(low) || isnan(high)) {
		table_cell(t, "-");
		return;
	}
	units_format_time(from, fabs(low));
	units_format_time(to, fabs(high));
	table_cell(t, "%s%s .. %s%s%s", low < 0 ? "-" : "", from,
		   high < 0 ? "-" : "", to, low > 0 || high < 0 ? " *" : "");
}

int cycles_ab_print(const json_t *rows, FILE *f)
{
	static const struct table_column columns[] = {
		{ "feature", TABLE_LEFT },  { "probe", TABLE_LEFT },
		{ "ring", TABLE_RIGHT },    { "base", TABLE_RIGHT },
		{ "with it", TABLE_RIGHT }, { "difference", TABLE_RIGHT },
		{ "95 %", TABLE_LEFT },	    { "pairs", TABLE_RIGHT },
	};
	struct table *t;
	json_t *o;
	size_t i;
	int rc =
		table_create("Medians with a feature and without (* no chance)",
			     columns, 8, &t);

	if (rc)
		return rc;
	json_array_foreach (rows, i, o) {
		table_cell(t, "%s",
			   json_string_value(json_object_get(o, "feature")));
		table_cell(t, "%s",
			   json_string_value(json_object_get(o, "probe")));
		table_cell(t, "%.0f", number(o, "ring"));
		time_cell(t, number(o, "base_p50_ns"));
		time_cell(t, number(o, "feature_p50_ns"));
		time_cell(t, number(o, "difference_ns"));
		interval_cell(t, number(o, "ci95_low_ns"),
			      number(o, "ci95_high_ns"));
		table_cell(t, "%.0f", number(o, "n"));
	}
	rc = table_print(t, f);
	table_destroy(t);
	return rc;
}
