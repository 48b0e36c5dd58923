/* SPDX-License-Identifier: MIT */
/* Samples, cells and growth of `vmferry devload`. */
#include "tools/devload_report.h"

#include <math.h>
#include <string.h>

#include "report/result.h"

const char *const devload_ways[DEVLOAD_NR_WAYS + 1] = { "each", "once",
							"prepared", "bare",
							NULL };

static const char *const kinds[KVM_NR_CALLS] = {
	[KVM_CALL_SLOT] = "slots",
	[KVM_CALL_BELL_ASSIGN] = "ioeventfd_assigns",
	[KVM_CALL_BELL_DEASSIGN] = "ioeventfd_deassigns",
	[KVM_CALL_ROUTING] = "routings",
	[KVM_CALL_IRQFD_ASSIGN] = "irqfd_assigns",
	[KVM_CALL_IRQFD_DEASSIGN] = "irqfd_deassigns",
};

static const char *const figures[] = {
	"load_ms",  "devices_ms", "commit_ms",	 "kvm_ms",    "prepare_ms",
	"reset_ms", "commits",	  "views_built", "kvm_calls",
};

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static json_t *kvm_json(const struct kvm_calls *kvm)
{
	json_t *o = json_object();
	unsigned int i;

	for (i = 0; i < KVM_NR_CALLS; i++)
		json_object_set_new(o, kinds[i],
				    json_pack("{s:I, s:f}", "calls",
					      (json_int_t)kvm->calls[i], "ms",
					      ms(kvm->ns[i])));
	return o;
}

static uint64_t total(const uint64_t values[KVM_NR_CALLS])
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < KVM_NR_CALLS; i++)
		sum += values[i];
	return sum;
}

json_t *devload_sample_json(const struct devload_row *row, enum devload_way way,
			    unsigned int repeat, const struct devload_sample *s)
{
	return json_pack(
		"{s:s, s:I, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, "
		"s:I, s:o}",
		"devices", row->devices, "queues", (json_int_t)row->nr_queues,
		"commit", devload_ways[way], "repeat", (json_int_t)repeat,
		"load_ms", ms(s->load_ns), "devices_ms", ms(s->devices_ns),
		"commit_ms", ms(s->commit_ns), "kvm_ms", ms(total(s->kvm.ns)),
		"prepare_ms", ms(s->prepare_ns), "reset_ms", ms(s->reset_ns),
		"commits", (json_int_t)s->commits, "views_built",
		(json_int_t)s->views, "kvm_calls",
		(json_int_t)total(s->kvm.calls), "kvm", kvm_json(&s->kvm));
}

static double median(const json_t *cell, const char *figure)
{
	const json_t *f = json_object_get(cell, "figures");

	return json_number_value(
		json_object_get(json_object_get(f, figure), "median"));
}

/* null where there is nothing to compare with. */
static json_t *ratio(double a, double b)
{
	return b > 0 ? json_real(a / b) : json_null();
}

static json_t *cell_json(const struct devload_row *row, enum devload_way way)
{
	return json_pack(
		"{s:s, s:I, s:s, s:o, s:o}", "devices", row->devices, "queues",
		(json_int_t)row->nr_queues, "commit", devload_ways[way],
		"authors_ratio",
		row->authors_ratio > 0 ? json_real(row->authors_ratio)
				       : json_null(),
		"figures",
		result_statistics(row->samples[way], figures,
				  sizeof(figures) / sizeof(figures[0])));
}

json_t *devload_cells(const struct devload_row *rows, size_t nr)
{
	json_t *cells = json_array();
	size_t i, way;

	for (i = 0; i < nr; i++) {
		json_t *cell[DEVLOAD_NR_WAYS] = { NULL };
		double load[DEVLOAD_NR_WAYS] = { 0 };

		for (way = 0; way < DEVLOAD_NR_WAYS; way++) {
			if (!json_array_size(rows[i].samples[way]))
				continue;
			cell[way] = cell_json(&rows[i], way);
			load[way] = median(cell[way], "load_ms");
			json_array_append_new(cells, cell[way]);
		}
		for (way = 0; way < DEVLOAD_NR_WAYS; way++) {
			if (!cell[way])
				continue;
			json_object_set_new(
				cell[way], "ratio_to_each",
				ratio(load[way], load[DEVLOAD_EACH]));
			json_object_set_new(
				cell[way], "ratio_to_once",
				ratio(load[way], load[DEVLOAD_ONCE]));
			json_object_set_new(
				cell[way], "ratio_to_bare",
				ratio(load[way], load[DEVLOAD_BARE]));
		}
	}
	return cells;
}

/* ---- growth ------------------------------------------------------------- */

struct fit {
	unsigned int n;
	double x, y, xx, xy; /* sums, of logarithms */
	double views_min, views_max;
};

static void fit_add(struct fit *f, double queues, double load, double views)
{
	double x = log(queues), y = log(load);

	if (!f->n || views < f->views_min)
		f->views_min = views;
	if (!f->n || views > f->views_max)
		f->views_max = views;
	f->n++;
	f->x += x;
	f->y += y;
	f->xx += x * x;
	f->xy += x * y;
}

/* load = factor x queues ^ exponent: least squares on the logarithms. */
static json_t *fit_json(const struct fit *f)
{
	double det = f->n * f->xx - f->x * f->x;
	double exponent, factor;

	if (f->n < 3 || det <= 0)
		return NULL;
	exponent = (f->n * f->xy - f->x * f->y) / det;
	factor = exp((f->y - exponent * f->x) / f->n);
	return json_pack("{s:I, s:f, s:f, s:f, s:f}", "cells", (json_int_t)f->n,
			 "exponent", exponent, "factor_ms", factor, "views_min",
			 f->views_min, "views_max", f->views_max);
}

/* Below that many queues the fixed part is most of it. */
#define FIT_MIN_QUEUES 16

json_t *devload_growth(json_t *cells)
{
	json_t *growth = json_object(), *cell, *fitted;
	size_t i, way;

	for (way = 0; way < DEVLOAD_NR_WAYS; way++) {
		struct fit fit = { 0 };

		json_array_foreach (cells, i, cell) {
			json_int_t queues = json_integer_value(
				json_object_get(cell, "queues"));
			const char *commit = json_string_value(
				json_object_get(cell, "commit"));
			double load = median(cell, "load_ms");

			if (!strcmp(commit, devload_ways[way]) &&
			    queues >= FIT_MIN_QUEUES && load > 0)
				fit_add(&fit, (double)queues, load,
					median(cell, "views_built"));
		}
		fitted = fit_json(&fit);
		if (fitted)
			json_object_set_new(growth, devload_ways[way], fitted);
	}
	return growth;
}
