/* SPDX-License-Identifier: MIT */
#include "tools/compress_cells.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/stats.h"
#include "report/table.h"
#include "tools/compress_sample.h"

/* Figures of a sample that have a median in `cells` and in the table. */
static const struct {
	const char *name, *title;
	const char *format;
	double scale;
} figures[] = {
	{ "pages_per_s", "pages/s", "%.0f", 1 },
	{ "rate_bytes_per_s", "MiB/s", "%.1f", 1.0 / (1 << 20) },
	{ "to_limit_ratio", "of limit", "%.1f %%", 100 },
	{ "compression_ratio", "ratio", "%.2f", 1 },
	{ "busy_ratio", "busy", "%.2f", 1 },
	{ "cpu_s_per_gib", "CPU s/GiB", "%.2f", 1 },
	{ "bare_cpu_s_per_gib", "bare", "%.2f", 1 },
	{ "workers.cpu_s", "workers s", "%.2f", 1 },
	{ "workers.idle_s", "idle s", "%.2f", 1 },
	{ "workers.blocked_s", "blocked s", "%.2f", 1 },
	{ "submitter.cpu_s", "submitter s", "%.3f", 1 },
	{ "submitter.wait_s", "waits s", "%.2f", 1 },
	{ "per_1000_pages.voluntary_switches", "switches", "%.1f", 1 },
	{ "per_1000_pages.futex_calls", "futexes", "%.1f", 1 },
};

#define NR_FIGURES (sizeof(figures) / sizeof(figures[0]))

struct cell {
	enum compress_engine engine;
	unsigned int threads;
	json_t *samples;
};

struct cells {
	size_t nr;
	struct cell cell[COMPRESS_NR_ENGINES * COMPRESS_MAX_COUNTS];
};

static void cells_init(struct cells *c, const struct compress_settings *s)
{
	unsigned int t, e;

	c->nr = 0;
	for (t = 0; t < s->nr_counts; t++)
		for (e = 0; e < s->nr_engines; e++)
			c->cell[c->nr++] = (struct cell){
				.engine = s->engine[e],
				.threads = s->threads[t],
				.samples = json_array(),
			};
}

static void cells_exit(struct cells *c)
{
	size_t i;

	for (i = 0; i < c->nr; i++)
		json_decref(c->cell[i].samples);
}

static int measure_cell(const struct compress_settings *s, struct cell *cell,
			const uint8_t *memory, bool warmup,
			struct result *result, struct error *err)
{
	struct compress_sample sample;
	json_t *json;
	int rc = compress_measure(s, cell->engine, cell->threads, memory,
				  &sample, err);

	if (rc)
		return rc;
	json = compress_sample_json(&sample);
	if (!warmup)
		json_array_append(cell->samples, json);
	result_add_sample(result, json, warmup);
	return 0;
}

/* To and fro, so that whatever drifts meanwhile is no cell's own. */
static int measure_all(const struct compress_settings *s, struct cells *c,
		       const uint8_t *memory, struct result *result,
		       struct error *err)
{
	uint64_t round;
	size_t i;
	int rc = 0;

	for (round = 0; round < s->warmup + s->repeat; round++)
		for (i = 0; !rc && i < c->nr; i++)
			rc = measure_cell(
				s, &c->cell[round % 2 ? c->nr - 1 - i : i],
				memory, round < s->warmup, result, err);
	return rc;
}

static json_t *statistics(const struct cell *cell)
{
	const char *names[NR_FIGURES];
	size_t i;

	for (i = 0; i < NR_FIGURES; i++)
		names[i] = figures[i].name;
	return result_statistics(cell->samples, names, NR_FIGURES);
}

static double median(const json_t *stats, size_t figure)
{
	return json_number_value(json_object_get(
		json_object_get(stats, figures[figure].name), "median"));
}

static int print_row(struct table *t, const struct cell *cell)
{
	json_t *stats = statistics(cell);
	char text[32];
	size_t i;

	if (!stats)
		return -ENOMEM;
	table_cell(t, "%s", compress_engine_names[cell->engine]);
	table_cell(t, "%u", cell->threads);
	for (i = 0; i < NR_FIGURES; i++) {
		snprintf(text, sizeof(text), figures[i].format,
			 median(stats, i) * figures[i].scale);
		table_cell(t, "%s", text);
	}
	json_decref(stats);
	return 0;
}

static int print(const struct compress_settings *s, const struct cells *c,
		 struct error *err)
{
	struct table_column columns[2 + NR_FIGURES] = {
		{ "engine", TABLE_LEFT }, { "threads", TABLE_RIGHT }
	};
	char title[128];
	struct table *t;
	size_t i;
	int rc;

	for (i = 0; i < NR_FIGURES; i++)
		columns[2 + i] =
			(struct table_column){ figures[i].title, TABLE_RIGHT };
	snprintf(title, sizeof(title),
		 "Compression (medians; switches and futexes per 1000 pages)");
	rc = table_create(title, columns, 2 + NR_FIGURES, &t);
	for (i = 0; !rc && i < c->nr; i++)
		rc = print_row(t, &c->cell[i]);
	if (!rc)
		rc = table_print(t, compress_out(s));
	table_destroy(t);
	return rc ? error_set(err, rc, "cannot print the table") : 0;
}

static void add_cells(const struct cells *c, struct result *result)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < c->nr; i++)
		json_array_append_new(
			list,
			json_pack("{s:s, s:i, s:o}", "engine",
				  compress_engine_names[c->cell[i].engine],
				  "threads", (int)c->cell[i].threads, "summary",
				  statistics(&c->cell[i])));
	result_set_extra(result, "cells", list);
}

int compress_cells_run(const struct compress_settings *s, const uint8_t *memory,
		       struct result *result, struct error *err)
{
	struct cells c;
	int rc;

	cells_init(&c, s);
	rc = measure_all(s, &c, memory, result, err);
	if (!rc) {
		add_cells(&c, result);
		rc = print(s, &c, err);
	}
	cells_exit(&c);
	return rc;
}
