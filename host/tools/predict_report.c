/* SPDX-License-Identifier: MIT */
/* Predicted, and what became of it. */
#include "tools/predict_report.h"

#include <math.h>
#include <string.h>

#include "base/units.h"
#include "report/table.h"

struct score {
	const char *name;
	double predicted, actual; /* NAN: none */
};

#define SCORES 4u

static void take_scores(const struct run_sample *s, struct score ret[SCORES])
{
	const struct prediction *p = s->prediction;
	const struct forecast *f = &p->row[p->asked].f;
	bool both = f->converges && s->completed;
	size_t rounds = json_array_size(s->rounds), i;

	ret[0] = (struct score){ "rounds", f->rounds, (double)rounds };
	ret[1] = (struct score){ "total_ms", f->total_s * 1e3, s->total_ms };
	ret[2] = (struct score){ "downtime_ms", f->downtime_s * 1e3,
				 s->downtime_ms };
	ret[3] = (struct score){ "wire_bytes", f->wire_bytes, s->wire_bytes };
	for (i = 0; i < SCORES; i++) {
		if (!f->converges)
			ret[i].predicted = NAN;
		if (!both)
			ret[i].actual = NAN;
	}
}

static double ratio(const struct score *s)
{
	return s->actual > 0 ? s->predicted / s->actual : NAN;
}

static json_t *score_json(const struct run_sample *sample)
{
	struct score score[SCORES];
	json_t *o = json_object(), *one;
	size_t i;

	take_scores(sample, score);
	for (i = 0; i < SCORES; i++) {
		one = json_object();
		json_object_set_new(one, "predicted",
				    result_number(score[i].predicted));
		json_object_set_new(one, "actual",
				    result_number(score[i].actual));
		json_object_set_new(one, "ratio",
				    result_number(ratio(&score[i])));
		json_object_set_new(o, score[i].name, one);
	}
	return o;
}

static json_t *row_json(const struct predict_row *r)
{
	const struct forecast *f = &r->f;
	bool ends = f->converges;

	return json_pack(
		"{s:s, s:i, s:i, s:i, s:b, s:b, s:o, s:o, s:o, s:o, s:f, s:s}",
		"codec", r->codec->name, "level", r->codec->level, "threads",
		(int)r->threads, "decompress_threads",
		(int)r->decompress_threads, "wait", r->wait, "converges", ends,
		"rounds", ends ? json_integer(f->rounds) : json_null(),
		"total_ms", result_number(ends ? f->total_s * 1e3 : NAN),
		"downtime_ms", result_number(ends ? f->downtime_s * 1e3 : NAN),
		"wire_bytes",
		ends ? json_integer((json_int_t)f->wire_bytes) : json_null(),
		"busy_ratio", f->busy_ratio, "bound", f->bound);
}

static json_t *codecs_json(const struct predict_costs *costs)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < costs->nr_codecs; i++) {
		const struct predict_codec *c = &costs->codec[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:i, s:f, s:f, s:f}", "codec", c->name,
				  "level", c->level, "compress_us_per_page",
				  c->page.compress_s * 1e6,
				  "decompress_us_per_page",
				  c->page.decompress_s * 1e6, "bytes_per_page",
				  c->page.page_bytes));
	}
	return list;
}

static json_t *curve_json(const struct dirty_curve *c)
{
	json_t *ms = json_array(), *pages = json_array();
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		json_array_append_new(ms, json_real(c->second[i] * 1e3));
		json_array_append_new(
			pages, json_integer((json_int_t)(c->pages[i] + 0.5)));
	}
	return json_pack("{s:o, s:o}", "window_ms", ms, "pages", pages);
}

/* Each null of @object once, by its key behind @prefix. */
static void explain_nulls(json_t *object, const char *prefix, const char *why,
			  struct result *result)
{
	const char *name;
	char key[80];
	json_t *v;

	json_object_foreach (object, name, v) {
		snprintf(key, sizeof(key), "%s.%s", prefix, name);
		if (json_is_null(v))
			result_warn_null(result, key, why);
		else if (json_is_object(v))
			explain_nulls(v, key, why, result);
	}
}

static void explain(json_t *rows, json_t *score, const struct run_sample *s,
		    struct result *result)
{
	const struct prediction *p = s->prediction;
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row)
		explain_nulls(row, "prediction.rows",
			      "this setting is predicted not to converge",
			      result);
	explain_nulls(score, "prediction.score",
		      !p->row[p->asked].f.converges
			      ? "it was predicted not to converge"
		      : s->completed ? "it was not measured"
				     : "the migration did not complete",
		      result);
}

json_t *predict_json(const struct run_sample *sample, struct result *result)
{
	const struct prediction *p = sample->prediction;
	json_t *rows, *score;
	unsigned int i;

	if (!p)
		return json_null();
	rows = json_array();
	score = score_json(sample);
	for (i = 0; i < p->nr_rows; i++)
		json_array_append_new(rows, row_json(&p->row[i]));
	explain(rows, score, sample, result);
	return json_pack(
		"{s:f, s:o, s:I, s:I, s:f, s:f, s:f, s:f, s:o, s:o, s:i, s:i, "
		"s:o}",
		"watched_ms", p->watched_s * 1e3, "dirty",
		curve_json(&p->curve), "pages", (json_int_t)p->in.pages,
		"zero_pages", (json_int_t)p->in.zero_pages, "guest_cpus",
		p->in.guest_cpus, "link_bytes_per_s", p->in.link_bytes_per_s,
		"send_bytes_per_s", p->in.send_bytes_per_s, "send_us_per_mib",
		p->in.send_s_per_byte * 1e6 * (1 << 20), "codecs",
		codecs_json(&p->costs), "rows", rows, "asked", (int)p->asked,
		"best", (int)p->best, "score", score);
}

static void time_cell(struct table *t, bool ends, double seconds)
{
	char text[UNITS_TEXT_BYTES];

	if (ends)
		table_cell(t, "%s", units_format_time(text, seconds * 1e9));
	else
		table_cell(t, "never");
}

static void print_row(struct table *t, const struct prediction *p,
		      unsigned int i)
{
	const struct predict_row *r = &p->row[i];
	bool none = !strcmp(r->codec->name, "none"), ends = r->f.converges;
	char text[UNITS_TEXT_BYTES];

	if (none)
		table_cell(t, "none");
	else
		table_cell(t, "%s %d", r->codec->name, r->codec->level);
	if (none)
		table_cell(t, "-");
	else
		table_cell(t, "%u", r->threads);
	if (ends)
		table_cell(t, "%u", r->f.rounds);
	else
		table_cell(t, "-");
	time_cell(t, ends, r->f.total_s);
	time_cell(t, ends, r->f.downtime_s);
	if (ends)
		table_cell(t, "%s",
			   units_format_size(text, (uint64_t)r->f.wire_bytes));
	else
		table_cell(t, "-");
	table_cell(t, "%.2f", r->f.busy_ratio);
	table_cell(t, "%s", r->f.bound);
	table_cell(t, "%s%s", i == p->best ? "best " : "",
		   i == p->asked ? "asked" : "");
}

void predict_print(const struct prediction *p, FILE *f)
{
	static const struct table_column columns[] = {
		{ "codec", TABLE_LEFT },     { "threads", TABLE_RIGHT },
		{ "rounds", TABLE_RIGHT },   { "total", TABLE_RIGHT },
		{ "downtime", TABLE_RIGHT }, { "wire", TABLE_RIGHT },
		{ "busy", TABLE_RIGHT },     { "bound by", TABLE_LEFT },
		{ "", TABLE_LEFT },
	};
	struct table *t;
	unsigned int i;

	if (table_create("Predicted", columns, 9, &t))
		return;
	for (i = 0; i < p->nr_rows; i++)
		print_row(t, p, i);
	table_print(t, f);
	table_destroy(t);
}

static void score_cell(struct table *t, const char *name, double value)
{
	char text[UNITS_TEXT_BYTES];

	if (isnan(value))
		table_cell(t, "-");
	else if (strstr(name, "_ms"))
		table_cell(t, "%s", units_format_time(text, value * 1e6));
	else if (strstr(name, "_bytes"))
		table_cell(t, "%s", units_format_size(text, (uint64_t)value));
	else
		table_cell(t, "%.0f", value);
}

void predict_print_score(const struct run_sample *sample, FILE *f)
{
	static const struct table_column columns[] = {
		{ "", TABLE_LEFT },
		{ "predicted", TABLE_RIGHT },
		{ "actual", TABLE_RIGHT },
		{ "predicted / actual", TABLE_RIGHT },
	};
	struct score score[SCORES];
	struct table *t;
	size_t i;

	if (!sample->prediction ||
	    table_create("Prediction's score", columns, 4, &t))
		return;
	take_scores(sample, score);
	for (i = 0; i < SCORES; i++) {
		table_cell(t, "%s", score[i].name);
		score_cell(t, score[i].name, score[i].predicted);
		score_cell(t, score[i].name, score[i].actual);
		if (isnan(ratio(&score[i])))
			table_cell(t, "-");
		else
			table_cell(t, "%.2f", ratio(&score[i]));
	}
	table_print(t, f);
	table_destroy(t);
}
