/* SPDX-License-Identifier: MIT */
/* The cost sheet of dirty tracking: JSON and tables. */
#include "tools/dirty_report.h"

#include <math.h>
#include <string.h>

#include "base/units.h"
#include "report/result.h"
#include "report/table.h"

const char *const dirty_methods[] = {
	[DIRTY_BITMAP] = "bitmap",   [DIRTY_PROTECT] = "protect",
	[DIRTY_ALL_SET] = "all-set", [DIRTY_RING] = "ring",
	[DIRTY_NR_METHODS] = NULL,
};
const char *const dirty_pages[] = {
	[DIRTY_PAGE_4K] = "4K",
	[DIRTY_PAGE_THP] = "thp",
	[DIRTY_PAGE_2M] = "2M",
	NULL,
};

static const char *const figures[] = {
	"enable_ms",
	"first_collect_ms",
	"first_clear_ms",
	"collect_ms",
	"clear_ms",
	"disable_ms",
	"collect_ns_per_page",
	"clear_ns_per_page",
	"fault_ns_per_page",
	"dirty_pages",
	"rate.before_pages_per_s",
	"rate.faulting_pages_per_s",
	"rate.logged_pages_per_s",
	"rate.after_pages_per_s",
	"faulting_slowdown_pct",
	"ring_full_exits",
};

static double per_page(double ms, uint64_t pages)
{
	return pages ? ms * 1e6 / (double)pages : NAN;
}

static json_t *whole(uint64_t value)
{
	return json_integer((json_int_t)value);
}

json_t *dirty_sample(const struct dirty_cell *cell, unsigned int repeat,
		     const struct dirty_cost_sample *s)
{
	const struct dirty_cost_params *p = &cell->params;
	double slower = 100 * (1 - s->rate_faulting / s->rate_before);
	const struct {
		const char *key;
		double value;
	} numbers[] = {
		{ "enable_ms", s->enable_ms },
		{ "first_collect_ms", s->first_collect_ms },
		{ "first_clear_ms", s->first_clear_ms },
		{ "collect_ms", s->collect_ms },
		{ "clear_ms", s->clear_ms },
		{ "disable_ms", s->disable_ms },
		{ "collect_ns_per_page",
		  per_page(s->collect_ms, s->dirty_pages) },
		{ "clear_ns_per_page", per_page(s->clear_ms, s->dirty_pages) },
		{ "fault_ns_per_page", s->fault_ns },
		{ "faulting_slowdown_pct", slower },
	};
	json_t *o = json_pack(
		"{s:s, s:s, s:i, s:i, s:i}", "method", dirty_methods[p->method],
		"page_size", dirty_pages[p->page], "cpus", (int)p->nr_vcpus,
		"dirty_pct", (int)cell->dirty_pct, "repeat", (int)repeat);
	size_t i;

	json_object_set_new(o, "wss_bytes", whole(s->wss_bytes));
	json_object_set_new(o, "ram_pages", whole(s->ram_pages));
	json_object_set_new(o, "dirty_pages", whole(s->dirty_pages));
	json_object_set_new(o, "lost_pages", whole(s->lost_pages));
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_set_new(o, numbers[i].key,
				    result_number(numbers[i].value));
	json_object_set_new(
		o, "rate",
		json_pack("{s:o, s:o, s:o, s:o}", "before_pages_per_s",
			  result_number(s->rate_before), "faulting_pages_per_s",
			  result_number(s->rate_faulting), "logged_pages_per_s",
			  result_number(s->rate_logged), "after_pages_per_s",
			  result_number(s->rate_after)));
	json_object_set_new(o, "ring_full_exits",
			    p->method == DIRTY_RING ? whole(s->ring_full_exits)
						    : json_null());
	return o;
}

json_t *dirty_cells(const struct dirty_cell *cells, size_t nr)
{
	json_t *list = json_array(), *o;
	size_t i;

	for (i = 0; i < nr; i++) {
		const struct dirty_cell *c = &cells[i];

		o = json_pack("{s:s, s:s, s:i, s:i}", "method",
			      dirty_methods[c->params.method], "page_size",
			      dirty_pages[c->params.page], "cpus",
			      (int)c->params.nr_vcpus, "dirty_pct",
			      (int)c->dirty_pct);
		json_object_set_new(o, "skipped",
				    c->skipped[0] ? result_string(c->skipped)
						  : json_null());
		json_object_set_new(
			o, "figures",
			result_statistics(c->samples, figures,
					  sizeof(figures) /
						  sizeof(figures[0])));
		json_array_append_new(list, o);
	}
	return list;
}

static double figure(const json_t *cell, const char *name, const char *which)
{
	const json_t *f =
		json_object_get(json_object_get(cell, "figures"), name);
	const json_t *v = json_object_get(f, which);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static void begin_row(struct table *t, const json_t *cell)
{
	const char *word = json_string_value(json_object_get(cell, "method"));
	const char *page =
		json_string_value(json_object_get(cell, "page_size"));

	table_cell(t, "%s", word);
	table_cell(t, "%s", page);
	table_cell(t, "%d",
		   (int)json_integer_value(json_object_get(cell, "cpus")));
	table_cell(t, "%d %%",
		   (int)json_integer_value(json_object_get(cell, "dirty_pct")));
}

/* The median, and how far the ends lie from it at most, in per cent; of
 * one sample there is no telling. */
static void spread_cell(struct table *t, const json_t *cell, const char *name)
{
	double median = figure(cell, name, "median");
	double below = median - figure(cell, name, "min");
	double above = figure(cell, name, "max") - median;
	char text[UNITS_TEXT_BYTES];

	if (isnan(median))
		table_cell(t, "-");
	else if (figure(cell, name, "n") < 2)
		table_cell(t, "%s", units_format_time(text, median * 1e6));
	else
		table_cell(t, "%s ±%.0f%%",
			   units_format_time(text, median * 1e6),
			   median > 0 ? 100 * fmax(below, above) / median : 0);
}

static void number_cell(struct table *t, const json_t *cell, const char *name,
			double scale)
{
	double median = figure(cell, name, "median");

	if (isnan(median))
		table_cell(t, "-");
	else
		table_cell(t, "%.0f", median * scale);
}

static void skipped_row(struct table *t, size_t columns)
{
	while (columns--)
		table_cell(t, "-");
}

static int print_host(const json_t *cells, FILE *f)
{
	static const struct table_column columns[] = {
		{ "method", TABLE_LEFT },     { "pages", TABLE_LEFT },
		{ "vCPUs", TABLE_RIGHT },     { "dirtied", TABLE_RIGHT },
		{ "enable", TABLE_RIGHT },    { "collect all", TABLE_RIGHT },
		{ "clear all", TABLE_RIGHT }, { "collect", TABLE_RIGHT },
		{ "clear", TABLE_RIGHT },     { "disable", TABLE_RIGHT },
	};
	struct table *t;
	json_t *cell;
	size_t i, k;
	int rc = table_create("The host's calls (median, greatest distance)",
			      columns, 10, &t);

	if (rc)
		return rc;
	json_array_foreach (cells, i, cell) {
		begin_row(t, cell);
		if (!json_is_null(json_object_get(cell, "skipped")))
			skipped_row(t, 6);
		else
			for (k = 0; k < 6; k++)
				spread_cell(t, cell, figures[k]);
	}
	rc = table_print(t, f);
	table_destroy(t);
	return rc;
}

static int print_guest(const json_t *cells, FILE *f)
{
	static const struct table_column columns[] = {
		{ "method", TABLE_LEFT },	{ "pages", TABLE_LEFT },
		{ "vCPUs", TABLE_RIGHT },	{ "dirtied", TABLE_RIGHT },
		{ "dirty pages", TABLE_RIGHT }, { "collect", TABLE_RIGHT },
		{ "clear", TABLE_RIGHT },	{ "fault", TABLE_RIGHT },
		{ "before k/s", TABLE_RIGHT },	{ "faulting", TABLE_RIGHT },
		{ "logged", TABLE_RIGHT },	{ "after", TABLE_RIGHT },
		{ "slower", TABLE_RIGHT },
	};
	struct table *t;
	json_t *cell;
	size_t i, k;
	int rc = table_create("A dirty page in ns, and the guest's page writes "
			      "in 1000/s (medians)",
			      columns, 13, &t);

	if (rc)
		return rc;
	json_array_foreach (cells, i, cell) {
		begin_row(t, cell);
		if (!json_is_null(json_object_get(cell, "skipped"))) {
			skipped_row(t, 9);
			continue;
		}
		number_cell(t, cell, "dirty_pages", 1);
		for (k = 6; k < 9; k++)
			number_cell(t, cell, figures[k], 1);
		for (k = 10; k < 14; k++)
			number_cell(t, cell, figures[k], 1e-3);
		table_cell(t, "%.0f %%",
			   figure(cell, "faulting_slowdown_pct", "median"));
	}
	rc = table_print(t, f);
	table_destroy(t);
	return rc;
}

int dirty_print(const json_t *cells, FILE *f)
{
	int rc = print_host(cells, f);

	return rc ? rc : print_guest(cells, f);
}
