/* SPDX-License-Identifier: MIT */
/* A frontier as JSON. */
#include "tools/frontier_report.h"

#include <math.h>
#include <string.h>

static json_t *whole(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *ms(uint64_t ns)
{
	return json_real((double)ns / 1e6);
}

static double number(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static bool met(const json_t *sample)
{
	return json_is_true(json_object_get(sample, "meets"));
}

static json_t *values(const struct frontier_values *v, bool times)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < v->nr; i++)
		json_array_append_new(list, times ? ms(v->value[i])
						  : whole(v->value[i]));
	return list;
}

/* As of migrate, less what each cell and try settles. */
static json_t *variant_params(const struct frontier_settings *s,
			      const struct frontier_variant *v)
{
	static const char *const settled[] = {
		"downtime_limit_ms",
		"snapshot",
		"idle",
		"fault",
		"attach",
		"seed",
		"repeat",
		"hops",
		"for_s",
		"ab",
		"bundle",
	};
	struct migrate_settings resolved;
	struct error err = { "" };
	struct run_settings run;
	json_t *o = NULL, *load;
	size_t i;

	if (!frontier_resolve(v, s->bandwidths.value[0], s->limits_ns.value[0],
			      &resolved, &run, &err)) {
		o = migrate_params(&resolved, &run);
		for (i = 0; i < sizeof(settled) / sizeof(settled[0]); i++)
			json_object_del(o, settled[i]);
		json_object_del(json_object_get(o, "link"), "rate_bytes_per_s");
		load = json_object_get(o, "workload");
		json_object_del(load, "rate_bytes_per_s");
		json_object_del(load, "rates_bytes_per_s");
		json_object_del(load, "phases");
	}
	frontier_release(&resolved, &run);
	return json_pack("{s:o, s:o, s:o}", "name", result_string(v->name),
			 "options", result_string(v->options), "params",
			 o ? o : json_null());
}

json_t *frontier_params(const struct frontier_settings *s)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < s->nr_variants; i++)
		json_array_append_new(list, variant_params(s, &s->variant[i]));
	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:f, s:i, s:i, s:s, s:i}",
			 "variants", list, "downtime_limits_ms",
			 values(&s->limits_ns, true), "bandwidths_bytes_per_s",
			 values(&s->bandwidths, false), "rate_min_bytes_per_s",
			 (json_int_t)s->rate_min, "rate_max_bytes_per_s",
			 (json_int_t)s->rate_max, "resolution_pct",
			 100 * s->bisect.resolution, "tries", (int)s->tries,
			 "need", (int)s->need, "figure",
			 frontier_figures[s->figure], "tolerance_pct",
			 (int)s->tolerance_pct);
}

static json_t *begin(const struct frontier_cell *c)
{
	return json_pack("{s:s, s:I, s:f}", "variant", c->variant->name,
			 "bandwidth_bytes_per_s", (json_int_t)c->bandwidth,
			 "downtime_limit_ms", (double)c->limit_ns / 1e6);
}

static void explain_nulls(const json_t *sample, struct result *result)
{
	static const struct {
		const char *key, *reason;
	} figures[] = {
		{ "downtime_ms", "the migration did not complete, or no STOP "
				 "or no RESUME came" },
		{ "blackout_ms", "no step was seen on the source, or none on "
				 "the target" },
		{ "total_ms", "the source never said that it had completed" },
		{ "before_bytes_per_s", "there was no warm-up" },
		{ "during_bytes_per_s", "the guest was not seen to stop" },
	};
	size_t i;

	result_warn_null(result, "failure",
			 "the migration completed, or timed out");
	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		if (isnan(number(sample, figures[i].key)))
			result_warn_null(result, figures[i].key,
					 figures[i].reason);
}

json_t *frontier_sample(const struct frontier *f, const struct run_sample *s)
{
	const struct frontier_cell *c = &f->cell[f->which];
	const struct {
		const char *key;
		double value;
	} numbers[] = {
		{ "downtime_ms", s->completed ? s->downtime_ms : NAN },
		{ "blackout_ms", s->completed ? s->blackout_ms : NAN },
		{ "total_ms", s->total_ms },
		{ "before_bytes_per_s", s->rate_before },
		{ "during_bytes_per_s", s->rate_during },
	};
	json_t *o = begin(c);
	size_t i;

	json_object_set_new(o, "rate_bytes_per_s", whole(c->bisect.value));
	json_object_set_new(o, "point", whole(f->point));
	json_object_set_new(o, "try", whole(f->try));
	json_object_set_new(o, "completed", json_boolean(s->completed));
	json_object_set_new(o, "outcome",
			    json_string(frontier_outcomes[f->outcome]));
	json_object_set_new(o, "meets",
			    json_boolean(f->outcome == FRONTIER_MET));
	json_object_set_new(o, "failure",
			    f->outcome == FRONTIER_FAILED ||
					    f->outcome == FRONTIER_WRONG
				    ? result_string(s->failure)
				    : json_null());
	json_object_set_new(o, "rounds", whole(json_array_size(s->rounds)));
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_set_new(o, numbers[i].key,
				    result_number(numbers[i].value));
	explain_nulls(o, f->result);
	return o;
}

/* Median of @key over the tries at @rate that have @meets. */
static json_t *median_at(const json_t *samples, uint64_t rate, bool meets,
			 const char *key)
{
	json_t *some = json_array(), *sample, *all, *median;
	size_t i;

	json_array_foreach ((json_t *)samples, i, sample)
		if (number(sample, "rate_bytes_per_s") == (double)rate &&
		    met(sample) == meets)
			json_array_append(some, sample);
	all = result_statistics(some, &key, 1);
	median = json_incref(
		json_object_get(json_object_get(all, key), "median"));
	json_decref(all);
	json_decref(some);
	return median ? median : json_null();
}

/* The most frequent outcome at @rate that missed; of two the graver. */
static json_t *why_missed(const json_t *samples, uint64_t rate)
{
	unsigned int nr[FRONTIER_WRONG + 1] = { 0 }, k, most = 0;
	const json_t *sample;
	size_t i;

	json_array_foreach ((json_t *)samples, i, sample) {
		const char *word =
			json_string_value(json_object_get(sample, "outcome"));

		for (k = FRONTIER_LATE; k <= FRONTIER_WRONG; k++)
			nr[k] += number(sample, "rate_bytes_per_s") ==
					 (double)rate &&
				 !strcmp(word, frontier_outcomes[k]);
	}
	for (k = FRONTIER_LATE; k <= FRONTIER_WRONG; k++)
		if (nr[k] && nr[k] >= nr[most])
			most = k;
	return most ? json_string(frontier_outcomes[most]) : json_null();
}

/* Completed, and then longer than it was told: who, and how much. */
static void set_late(json_t *row, const json_t *samples, const char *figure)
{
	unsigned int nr = 0;
	const json_t *sample;
	double worst = NAN;
	size_t i;

	json_array_foreach ((json_t *)samples, i, sample) {
		if (strcmp(json_string_value(
				   json_object_get(sample, "outcome")),
			   frontier_outcomes[FRONTIER_LATE]) != 0)
			continue;
		nr++;
		worst = fmax(worst, number(sample, figure));
	}
	json_object_set_new(row, "late_tries", whole(nr));
	json_object_set_new(row, "worst_late_ms", result_number(worst));
}

static json_t *rate_or_null(uint64_t rate)
{
	return rate ? whole(rate) : json_null();
}

static json_t *row(const struct frontier *f, const struct frontier_cell *c)
{
	const struct bisect *b = &c->bisect;
	const char *figure = f->set->figure == FRONTIER_BLACKOUT
				     ? "blackout_ms"
				     : "downtime_ms";
	json_t *o = begin(c);

	json_object_set_new(o, "skipped",
			    c->skipped[0] ? result_string(c->skipped)
					  : json_null());
	json_object_set_new(o, "bound",
			    !c->done	 ? json_null()
			    : !b->passed ? json_string("below-min")
			    : !b->failed ? json_string("above-max")
					 : json_string("found"));
	json_object_set_new(o, "rate_bytes_per_s", rate_or_null(b->passed));
	json_object_set_new(
		o, "achieved_bytes_per_s",
		median_at(c->samples, b->passed, true, "during_bytes_per_s"));
	json_object_set_new(
		o, "before_bytes_per_s",
		median_at(c->samples, b->passed, true, "before_bytes_per_s"));
	json_object_set_new(
		o, "downtime_ms",
		median_at(c->samples, b->passed, true, "downtime_ms"));
	json_object_set_new(
		o, "blackout_ms",
		median_at(c->samples, b->passed, true, "blackout_ms"));
	json_object_set_new(o, "total_ms",
			    median_at(c->samples, b->passed, true, "total_ms"));
	json_object_set_new(o, "missed_bytes_per_s", rate_or_null(b->failed));
	json_object_set_new(o, "missed_because",
			    why_missed(c->samples, b->failed));
	json_object_set_new(
		o, "missed_downtime_ms",
		median_at(c->samples, b->failed, false, "downtime_ms"));
	json_object_set_new(o, "tries", whole(json_array_size(c->samples)));
	set_late(o, c->samples, figure);
	return o;
}

json_t *frontier_rows(const struct frontier *f)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < f->nr_cells; i++)
		if (f->cell[i].done || f->cell[i].skipped[0])
			json_array_append_new(list, row(f, &f->cell[i]));
	return list;
}

static void append(json_t *curve, const char *key, const json_t *r)
{
	json_array_append(json_object_get(curve, key), json_object_get(r, key));
}

static json_t *curve(const json_t *rows, const char *variant,
		     uint64_t bandwidth)
{
	static const char *const keys[] = {
		"downtime_limit_ms", "rate_bytes_per_s", "achieved_bytes_per_s",
		"missed_bytes_per_s", "downtime_ms"
	};
	json_t *o = json_pack("{s:s, s:I}", "variant", variant,
			      "bandwidth_bytes_per_s", (json_int_t)bandwidth);
	const json_t *r;
	size_t i, k;

	for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		json_object_set_new(o, keys[k], json_array());
	json_array_foreach ((json_t *)rows, i, r)
		if (number(r, "bandwidth_bytes_per_s") == (double)bandwidth &&
		    !strcmp(json_string_value(json_object_get(r, "variant")),
			    variant))
			for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
				append(o, keys[k], r);
	return o;
}

json_t *frontier_curves(const struct frontier *f, const json_t *rows)
{
	const struct frontier_settings *s = f->set;
	json_t *list = json_array();
	unsigned int v, b;

	for (v = 0; v < s->nr_variants; v++)
		for (b = 0; b < s->bandwidths.nr; b++)
			json_array_append_new(list,
					      curve(rows, s->variant[v].name,
						    s->bandwidths.value[b]));
	return list;
}
