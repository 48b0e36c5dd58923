/* SPDX-License-Identifier: MIT */
/* Exit costs: JSON and tables. */
#include "tools/cycles_report.h"

#include <math.h>
#include <string.h>

#include "base/units.h"
#include "report/result.h"
#include "report/table.h"

#define BUCKETS 512u

/* Figures of a sample's probe that are summed up over the boots. */
static const char *const figures[] = {
	"ns.min",    "ns.p50",	  "ns.p90",    "ns.p99",    "ns.max",
	"ticks.min", "ticks.p50", "ticks.p90", "ticks.p99", "ticks.max",
};

/*
 * What others found. Cycles of their machines: the ratio of two rows is what
 * can be compared. Source: the cover letter of the enlightened VMCS for nested
 * Hyper-V in QEMU (2018): a tight cpuid loop in Windows Server 2016 with the
 * Hyper-V role on KVM.
 */
static const struct {
	const char *probe;
	const char *level;
	const char *setting;
	int cycles;
} published[] = {
	{ "cpuid", "L2", "Hyper-V nested on KVM, ordinary VMCS", 15200 },
	{ "cpuid", "L2", "Hyper-V nested on KVM, enlightened VMCS", 13700 },
};

#define NR_PUBLISHED (sizeof(published) / sizeof(published[0]))

static json_t *histogram(const struct cycles_probe *p)
{
	struct cycles_bucket bucket[BUCKETS];
	size_t nr = cycles_histogram(p->ticks, p->nr_ticks, bucket, BUCKETS), i;
	json_t *from = json_array(), *count = json_array();

	for (i = 0; i < nr; i++) {
		json_array_append_new(from, json_integer(bucket[i].from));
		json_array_append_new(count, json_integer(bucket[i].count));
	}
	return json_pack("{s:o, s:o}", "from_ticks", from, "count", count);
}

/* min to max, each times @scale. */
static json_t *order(const struct cycles_stats *s, double scale)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f}", "min", s->min * scale,
			 "p50", s->p50 * scale, "p90", s->p90 * scale, "p99",
			 s->p99 * scale, "max", s->max * scale);
}

static json_t *probe(const struct cycles_boot *boot,
		     const struct cycles_probe *p)
{
	double ns = boot->tsc_hz ? 1e9 / (double)boot->tsc_hz : NAN;
	bool has = p->nr_ticks;
	json_t *o = json_pack("{s:s, s:i, s:I, s:b, s:I}", "probe", p->name,
			      "ring", (int)p->ring, "rounds",
			      (json_int_t)p->nr_ticks, "broke", p->broke,
			      "disturbed_turns", (json_int_t)p->nr_disturbed);

	json_object_set_new(o, "skipped",
			    has ? json_null() : result_string(p->skipped));
	json_object_set_new(o, "empty_ticks",
			    has ? json_integer(p->empty_ticks) : json_null());
	json_object_set_new(o, "spread_pct",
			    has ? result_number(p->stats.spread_pct)
				: json_null());
	json_object_set_new(o, "ticks",
			    has ? order(&p->stats, 1) : json_null());
	json_object_set_new(o, "ns",
			    has && !isnan(ns) ? order(&p->stats, ns)
					      : json_null());
	json_object_set_new(o, "histogram", has ? histogram(p) : json_null());
	return o;
}

json_t *cycles_sample(const struct cycles_boot *boot, unsigned int repeat,
		      const char *variant)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < boot->nr; i++)
		json_array_append_new(list, probe(boot, &boot->probe[i]));
	return json_pack("{s:i, s:s, s:o, s:i, s:i, s:I, s:o}", "repeat",
			 (int)repeat, "variant", variant, "boot_ready_ms",
			 result_number(boot->ready_ms), "boots",
			 (int)boot->nr_boots, "pinned_vcpus",
			 (int)boot->nr_pinned, "tsc_hz",
			 (json_int_t)boot->tsc_hz, "probes", list);
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool is_probe(const json_t *o, const char *name, int ring)
{
	return !strcmp(text(o, "probe"), name) &&
	       json_integer_value(json_object_get(o, "ring")) == ring;
}

static json_t *find(const json_t *sample, const char *name, int ring)
{
	json_t *list = json_object_get(sample, "probes"), *o;
	size_t i;

	json_array_foreach (list, i, o)
		if (is_probe(o, name, ring))
			return o;
	return NULL;
}

double cycles_p50_ns(const json_t *sample, const char *name, int ring)
{
	const json_t *v = json_object_get(
		json_object_get(find(sample, name, ring), "ns"), "p50");

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static json_t *others(const char *name, const char *level)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < NR_PUBLISHED; i++)
		if (!strcmp(published[i].probe, name) &&
		    !strcmp(published[i].level, level))
			json_array_append_new(
				list, json_pack("{s:s, s:i}", "setting",
						published[i].setting, "cycles",
						published[i].cycles));
	return list;
}

static double number(const json_t *figures_of, const char *name,
		     const char *which)
{
	const json_t *v =
		json_object_get(json_object_get(figures_of, name), which);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

/* Of the medians of several boots: greatest less least. */
static double range_pct(const json_t *f)
{
	double median = number(f, "ns.p50", "median");

	if (!(number(f, "ns.p50", "n") > 1) || !(median > 0))
		return NAN;
	return 100 * (number(f, "ns.p50", "max") - number(f, "ns.p50", "min")) /
	       median;
}

/* @first: the probe as the first boot of the base had it. */
static json_t *over_boots(json_t *samples, const json_t *first,
			  const char *level)
{
	const char *name = text(first, "probe");
	int ring = (int)json_integer_value(json_object_get(first, "ring"));
	json_t *list = json_array(), *sample, *f, *one, *o, *skipped;
	size_t i;

	skipped = json_object_get(first, "skipped");
	json_array_foreach (samples, i, sample) {
		one = find(sample, name, ring);
		if (!one || strcmp(text(sample, "variant"), CYCLES_BASE))
			continue;
		json_array_append(list, one);
		if (json_is_null(json_object_get(one, "skipped")))
			skipped = json_object_get(one, "skipped");
	}
	f = result_statistics(list, figures,
			      sizeof(figures) / sizeof(figures[0]));
	o = json_pack("{s:s, s:i, s:O, s:o, s:o, s:o}", "probe", name, "ring",
		      ring, "skipped", skipped, "p50_range_pct",
		      result_number(range_pct(f)), "published",
		      others(name, level), "figures", f);
	json_decref(list);
	return o;
}

json_t *cycles_probes(json_t *samples, const char *level)
{
	json_t *list = json_array(), *sample, *first;
	size_t i, k;

	json_array_foreach (samples, i, sample) {
		if (strcmp(text(sample, "variant"), CYCLES_BASE))
			continue;
		json_array_foreach (json_object_get(sample, "probes"), k, first)
			json_array_append_new(
				list, over_boots(samples, first, level));
		break;
	}
	return list;
}

static void time_cell(struct table *t, const json_t *f, const char *name)
{
	double ns = number(f, name, "median");
	char words[UNITS_TEXT_BYTES];

	if (isnan(ns))
		table_cell(t, "-");
	else
		table_cell(t, "%s", units_format_time(words, ns));
}

static void ticks_cell(struct table *t, const json_t *f, const char *name)
{
	table_cell(t, "%.0f", number(f, name, "median"));
}

static void note_cell(struct table *t, const json_t *o)
{
	json_t *list = json_object_get(o, "published"), *one;
	char words[160] = "";
	size_t i, used = 0;

	json_array_foreach (list, i, one)
		used += (size_t)snprintf(
			words + used, used < 100 ? sizeof(words) - used : 0,
			"%s%d", i ? ", " : "published: ",
			(int)json_integer_value(
				json_object_get(one, "cycles")));
	if (!isnan(number(json_object_get(o, "figures"), "ns.p50", "n")) &&
	    json_is_number(json_object_get(o, "p50_range_pct")))
		table_cell(
			t, "%s%sp50 within %.1f %%", words, used ? "; " : "",
			json_number_value(json_object_get(o, "p50_range_pct")));
	else
		table_cell(t, "%s", words);
}

int cycles_print(const json_t *probes, const char *level, const char *ticks,
		 FILE *f)
{
	static const struct table_column columns[] = {
		{ "probe", TABLE_LEFT }, { "ring", TABLE_RIGHT },
		{ "min", TABLE_RIGHT },	 { "p50", TABLE_RIGHT },
		{ "p90", TABLE_RIGHT },	 { "p99", TABLE_RIGHT },
		{ "max", TABLE_RIGHT },	 { "min ticks", TABLE_RIGHT },
		{ "p50", TABLE_RIGHT },	 { "", TABLE_LEFT },
	};
	char title[160];
	struct table *t;
	json_t *o, *figures_of;
	size_t i, k;
	int rc;

	snprintf(title, sizeof(title),
		 "What it costs an %s guest, an empty loop taken off (ticks: "
		 "%s)",
		 level, ticks);
	rc = table_create(title, columns, 10, &t);
	if (rc)
		return rc;
	json_array_foreach (probes, i, o) {
		figures_of = json_object_get(o, "figures");
		table_cell(t, "%s", text(o, "probe"));
		table_cell(t, "%d",
			   (int)json_integer_value(json_object_get(o, "ring")));
		if (!json_is_null(json_object_get(o, "skipped"))) {
			for (k = 0; k < 7; k++)
				table_cell(t, "-");
			table_cell(t, "skipped: %s", text(o, "skipped"));
			continue;
		}
		for (k = 0; k < 5; k++)
			time_cell(t, figures_of, figures[k]);
		ticks_cell(t, figures_of, "ticks.min");
		ticks_cell(t, figures_of, "ticks.p50");
		note_cell(t, o);
	}
	rc = table_print(t, f);
	table_destroy(t);
	return rc;
}

void cycles_print_list(const struct cycles_boot *boot, FILE *f)
{
	unsigned int i;

	for (i = 0; i < boot->nr; i++) {
		const struct cycles_probe *p = &boot->probe[i];

		fprintf(f, "%-18s ring %u%s%s\n", p->name, p->ring,
			p->nr_ticks ? "" : "  skipped: ",
			p->nr_ticks ? "" : p->skipped);
	}
}
