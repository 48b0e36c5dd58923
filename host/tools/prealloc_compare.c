/* SPDX-License-Identifier: MIT */
/* All methods, threads and page sizes, in turn. */
#include "tools/prealloc_compare.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/stats.h"
#include "report/table.h"
#include "tools/interrupt.h"
#include "tools/prealloc_cells.h"

static double median(double *values, size_t nr)
{
	struct stats stats;

	return nr && !stats_compute(values, nr, &stats) ? stats.median : NAN;
}

static int measure_cell(const struct prealloc_settings *s, struct cell *cell,
			bool warmup, struct result *result, struct error *err)
{
	const struct backing_params params = {
		.kind = cell->kind->backing,
		.bytes = s->ram_bytes,
		.page_bytes = cell->kind->page_bytes,
		.name = "prealloc",
		.path = cell->kind->path,
		.reserve = s->reserve,
	};
	struct prealloc_config config = prealloc_config_of(s);
	struct prealloc_sample sample;
	int rc;

	config.method = cell->method;
	config.nr_threads = cell->nr_threads;
	config.cancelled = interrupt_pending;
	rc = prealloc_measure(&params, &config, &sample, err);
	if (rc)
		return rc;
	if (isnan(cell->kind->first_bytes_per_s))
		cell->kind->first_bytes_per_s = sample.rate_bytes_per_s;
	result_add_sample(result, prealloc_sample_json(&sample, result),
			  warmup);
	if (sample.failure[0])
		rc = error_set(err, -ENOMEM, "%s", sample.failure);
	else if (!prealloc_is_proven(&sample))
		result_warn(result,
			    "%s: some pages are not of the size that stands "
			    "in the table",
			    backing_names[cell->kind->backing]);
	else if (!warmup)
		cells_add(cell, &sample);
	prealloc_sample_exit(&sample);
	return rc;
}

/* The kernel alone, with the same memory. */
static int measure_limit(const struct prealloc_settings *s,
			 struct cells_limit *limit, bool warmup,
			 struct error *err)
{
	const struct backing_params params = {
		.kind = limit->kind->backing,
		.bytes = s->ram_bytes,
		.page_bytes = limit->kind->page_bytes,
		.name = "prealloc",
		.path = limit->kind->path,
		.reserve = true,
	};
	struct backing b;
	uint64_t ns;
	int rc = backing_create(&params, &b, err);

	if (rc)
		return rc;
	rc = prealloc_limit(
		&(struct prealloc_range){ .base = b.base,
					  .bytes = b.bytes,
					  .page_bytes = b.page_bytes,
					  .touch_bytes = 4096,
					  .fd = b.fd },
		limit->nr_threads, &ns);
	backing_destroy(&b);
	if (!rc && !warmup && limit->nr < limit->room)
		limit->elapsed_ms[limit->nr++] = (double)ns / 1e6;
	return rc ? error_set(err, rc, "the kernel's limit: %s", strerror(-rc))
		  : 0;
}

static int measure_limits(const struct prealloc_settings *s, struct cells *c,
			  uint64_t round, struct error *err)
{
	size_t i, at;
	int rc = 0;

	for (i = 0; !rc && i < c->nr_limits && !interrupt_pending(); i++) {
		at = round % 2 ? c->nr_limits - 1 - i : i;
		rc = measure_limit(s, &c->limit[at], round < s->warmup, err);
	}
	return rc;
}

static void show_progress(const struct prealloc_settings *s, uint64_t done,
			  uint64_t all)
{
	if (prealloc_shows_progress(s))
		fprintf(stderr, "\r\033[K%" PRIu64 " of %" PRIu64, done, all);
}

/* To and fro, so that whatever drifts meanwhile is no cell's own. */
static int measure_all(const struct prealloc_settings *s, struct cells *c,
		       struct result *result, struct error *err)
{
	uint64_t rounds = s->warmup + s->repeat, round;
	size_t i, at;
	int rc = 0;

	for (round = 0; !rc && round < rounds; round++) {
		/* Among the cells that they are a limit of. */
		if (round % 2)
			rc = measure_limits(s, c, round, err);
		for (i = 0; !rc && i < c->nr; i++) {
			show_progress(s, round * c->nr + i, rounds * c->nr);
			at = round % 2 ? c->nr - 1 - i : i;
			rc = measure_cell(s, &c->cell[at], round < s->warmup,
					  result, err);
		}
		if (!rc && round % 2 == 0)
			rc = measure_limits(s, c, round, err);
	}
	if (prealloc_shows_progress(s))
		fputs("\r\033[K", stderr);
	return rc;
}

/* NAN stays NAN. */
static double rate_of(const struct prealloc_settings *s, double elapsed_ms)
{
	return (double)s->ram_bytes * 1e3 / elapsed_ms;
}

static json_t *cell_json(const struct prealloc_settings *s,
			 const struct cells *c, const struct cell *cell)
{
	double elapsed_ms = median(cell->elapsed_ms, cell->nr);
	double limit_ms = cells_limit_ms(c, cell);

	return json_pack(
		"{s:s, s:I, s:s, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I, "
		"s:I, s:I}",
		"backing", backing_names[cell->kind->backing], "page_bytes",
		(json_int_t)cell->kind->page_bytes, "method",
		prealloc_method_names[cell->method], "threads",
		(int)cell->nr_threads, "n", (json_int_t)cell->nr, "elapsed_ms",
		result_number(elapsed_ms), "rate_bytes_per_s",
		result_number(rate_of(s, elapsed_ms)), "limit_bytes_per_s",
		result_number(rate_of(s, limit_ms)), "time_to_limit_ratio",
		result_number(elapsed_ms / limit_ms), "start_spread_ms",
		result_number(median(cell->start_spread_ms, cell->nr)),
		"finish_spread_ms",
		result_number(median(cell->finish_spread_ms, cell->nr)),
		"minor_faults", (json_int_t)cell->faults, "pages_min",
		(json_int_t)cell->pages_min, "pages_max",
		(json_int_t)cell->pages_max);
}

static json_t *kinds_json(const struct cells *c)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < c->nr_kinds; i++)
		json_array_append_new(
			list,
			json_pack("{s:s, s:I, s:o}", "backing",
				  backing_names[c->kind[i].backing],
				  "page_bytes",
				  (json_int_t)c->kind[i].page_bytes,
				  "first_bytes_per_s",
				  result_number(c->kind[i].first_bytes_per_s)));
	return list;
}

static void add_row(const struct prealloc_settings *s, const struct cells *c,
		    const struct cell *cell, struct table *t)
{
	double elapsed_ms = median(cell->elapsed_ms, cell->nr);
	char text[UNITS_TEXT_BYTES];

	table_cell(t, "%s", prealloc_method_names[cell->method]);
	table_cell(t, "%u", cell->nr_threads);
	if (!cell->nr) {
		for (int i = 0; i < 7; i++)
			table_cell(t, "-");
		return;
	}
	table_cell(t, "%s", units_format_time(text, elapsed_ms * 1e6));
	table_cell(t, "%.2f", rate_of(s, elapsed_ms) / (double)(1ull << 30));
	table_cell(t, "%.2f", elapsed_ms / cells_limit_ms(c, cell));
	table_cell(t, "%" PRIu64, cell->faults);
	table_cell(t,
		   cell->pages_min == cell->pages_max ? "%" PRIu64
						      : "%" PRIu64
							"...%" PRIu64,
		   cell->pages_min, cell->pages_max);
	table_cell(t, "%s",
		   units_format_time(text,
				     median(cell->start_spread_ms, cell->nr) *
					     1e6));
	table_cell(t, "%s",
		   units_format_time(text,
				     median(cell->finish_spread_ms, cell->nr) *
					     1e6));
}

static int print_kind(const struct prealloc_settings *s, const struct cells *c,
		      const struct cells_kind *kind, FILE *f)
{
	static const struct table_column columns[] = {
		{ "method", TABLE_LEFT },
		{ "threads", TABLE_RIGHT },
		{ "time", TABLE_RIGHT },
		{ "GiB/s", TABLE_RIGHT },
		{ "x limit", TABLE_RIGHT },
		{ "faults", TABLE_RIGHT },
		{ "pages/thread", TABLE_RIGHT },
		{ "start spread", TABLE_RIGHT },
		{ "finish spread", TABLE_RIGHT },
	};
	char title[160], a[UNITS_TEXT_BYTES], b[UNITS_TEXT_BYTES];
	char first[UNITS_TEXT_BYTES];
	struct table *t;
	size_t i;
	int rc;

	snprintf(title, sizeof(title),
		 "%s of %s in pages of %s (its first mapping: %s)",
		 units_format_size(a, s->ram_bytes),
		 backing_names[kind->backing],
		 units_format_size(b, kind->page_bytes),
		 units_format_rate(first, kind->first_bytes_per_s));
	rc = table_create(title, columns, 9, &t);
	if (rc)
		return rc;
	for (i = 0; i < c->nr; i++)
		if (c->cell[i].kind == kind)
			add_row(s, c, &c->cell[i], t);
	rc = table_print(t, f);
	table_destroy(t);
	fputc('\n', f);
	return rc;
}

static int tell(const struct prealloc_settings *s, const struct cells *c,
		struct result *result)
{
	json_t *list = json_array();
	bool empty = false;
	size_t i;
	int rc = 0;

	for (i = 0; i < c->nr; i++) {
		json_array_append_new(list, cell_json(s, c, &c->cell[i]));
		empty = empty || !c->cell[i].nr;
	}
	result_set_extra(result, "cells", list);
	result_set_extra(result, "kinds", kinds_json(c));
	for (i = 0; !rc && i < c->nr_kinds; i++)
		rc = print_kind(s, c, &c->kind[i], prealloc_out(s));
	result_add_verdict(result, empty ? RESULT_FAIL : RESULT_PASS);
	return rc;
}

int prealloc_compare(const struct prealloc_settings *s, struct result *result,
		     struct error *err)
{
	struct cells c;
	int rc = cells_create(s, result, &c);

	if (rc)
		return rc;
	rc = measure_all(s, &c, result, err);
	if (rc == -ENOMEM && err->text[0]) {
		result_warn(result, "%s", err->text);
		result_add_verdict(result, RESULT_FAIL);
		rc = 0;
	} else if (!rc) {
		rc = tell(s, &c, result);
		if (result_verdict(result) == RESULT_FAIL)
			error_set(err, 0,
				  "pages were not of the size that was asked "
				  "for");
	}
	cells_exit(&c);
	return rc;
}
