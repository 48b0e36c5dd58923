/* SPDX-License-Identifier: MIT */
/* Machines with and without preallocation: the result, and the table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/stats.h"
#include "report/table.h"
#include "tools/prealloc_vmm.h"

/* The figures of a run, in the order of the table. */
enum figure { START, TARGET_START, TOTAL, MIGRATE, BACKGROUND, NR_FIGURES };

static const char *const keys[NR_FIGURES] = {
	"start_ms",   "target_start_ms", "total_ms",
	"migrate_ms", "background_ms",
};

static double figure(const struct prealloc_machine_run *r, enum figure f)
{
	const double all[NR_FIGURES] = {
		r->start_ms, r->target_start_ms, r->total_ms,
		/* Its memory must be there before it can receive. */
		r->target_start_ms + r->total_ms, r->background_ms
	};

	return all[f];
}

/* Of what was measured and no warm-up; NAN: nothing was. */
static double median(const struct prealloc_machine *m, enum figure f)
{
	double *values = calloc(m->nr + 1, sizeof(*values));
	struct stats stats;
	size_t i, nr = 0;
	int rc;

	if (!values)
		return NAN;
	for (i = 0; i < m->nr; i++)
		if (!m->run[i].warmup && !isnan(figure(&m->run[i], f)))
			values[nr++] = figure(&m->run[i], f);
	rc = nr ? stats_compute(values, nr, &stats) : -1;
	free(values);
	return rc ? NAN : stats.median;
}

/* The row that @m is to be held against: the same VMM's without. */
static const struct prealloc_machine *base_of(const struct prealloc_machines *c,
					      const struct prealloc_machine *m)
{
	unsigned int i;

	for (i = 0; i < c->nr; i++)
		if (!strcmp(c->machine[i].vmm, m->vmm) &&
		    !strcmp(c->machine[i].way, "off"))
			break;
	return &c->machine[i];
}

/* `async` against `on` of as many threads: what it saves. */
static double saved_ms(const struct prealloc_machines *c,
		       const struct prealloc_machine *m)
{
	unsigned int i;

	if (strcmp(m->way, "async"))
		return NAN;
	for (i = 0; i < c->nr; i++)
		if (!strcmp(c->machine[i].vmm, m->vmm) &&
		    !strcmp(c->machine[i].way, "on") &&
		    c->machine[i].nr_threads == m->nr_threads)
			return median(&c->machine[i], MIGRATE) -
			       median(m, MIGRATE);
	return NAN;
}

static json_t *runs_json(const struct prealloc_machine *m)
{
	json_t *list = json_array(), *o;
	size_t i;
	int f;

	for (i = 0; i < m->nr; i++) {
		o = json_object();
		for (f = 0; f < NR_FIGURES; f++)
			json_object_set_new(
				o, keys[f],
				result_number(figure(&m->run[i], f)));
		json_object_set_new(o, "warmup",
				    json_boolean(m->run[i].warmup));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *machine_json(const struct prealloc_machines *c,
			    const struct prealloc_machine *m)
{
	json_t *o = json_object();
	int f;

	json_object_set_new(o, "vmm", json_string(m->vmm));
	json_object_set_new(o, "vmm_version", result_string(m->version));
	json_object_set_new(o, "prealloc", json_string(m->way));
	json_object_set_new(o, "threads",
			    json_integer((json_int_t)m->nr_threads));
	for (f = 0; f < NR_FIGURES; f++)
		json_object_set_new(o, keys[f], result_number(median(m, f)));
	json_object_set_new(o, "saved_ms", result_number(saved_ms(c, m)));
	json_object_set_new(o, "runs", runs_json(m));
	return o;
}

static void explain_nulls(struct result *result)
{
	int f;

	for (f = 0; f < NR_FIGURES; f++)
		result_warn_null(result, keys[f],
				 f == BACKGROUND ? "only async goes on in the "
						   "background, and it may "
						   "not have ended"
						 : "the migration failed");
	result_warn_null(result, "saved_ms", "only async saves against on");
}

static void add_ms(struct table *t, double ms)
{
	char text[UNITS_TEXT_BYTES];

	if (isnan(ms))
		table_cell(t, "-");
	else
		table_cell(t, "%s%s", ms < 0 ? "-" : "",
			   units_format_time(text, fabs(ms) * 1e6));
}

static void add_row(const struct prealloc_machines *c,
		    const struct prealloc_machine *m, struct table *t)
{
	const struct prealloc_machine *base = base_of(c, m);
	bool is_base = m == base;

	table_cell(t, "%s", m->vmm);
	table_cell(t, "%s", m->way);
	table_cell(t, m->nr_threads ? "%u" : "-", m->nr_threads);
	add_ms(t, median(m, START));
	add_ms(t, is_base ? NAN : median(m, START) - median(base, START));
	add_ms(t, median(m, TARGET_START));
	add_ms(t, median(m, TOTAL));
	add_ms(t, median(m, MIGRATE));
	add_ms(t, saved_ms(c, m));
}

static void print(const struct prealloc_machines *c)
{
	static const struct table_column columns[] = {
		{ "VMM", TABLE_LEFT },	     { "prealloc", TABLE_LEFT },
		{ "threads", TABLE_RIGHT },  { "start-up", TABLE_RIGHT },
		{ "than off", TABLE_RIGHT }, { "target starts", TABLE_RIGHT },
		{ "migrates", TABLE_RIGHT }, { "both", TABLE_RIGHT },
		{ "saved", TABLE_RIGHT },
	};
	char title[160], a[UNITS_TEXT_BYTES], b[UNITS_TEXT_BYTES];
	struct table *t;
	unsigned int i;

	snprintf(title, sizeof(title),
		 "Machines of %s of %s in pages of %s, idle, a quarter filled",
		 units_format_size(a, c->set->ram_bytes),
		 backing_names[c->set->backing],
		 units_format_size(b, c->set->page_bytes));
	if (table_create(title, columns, 9, &t))
		return;
	for (i = 0; i < c->nr; i++)
		if (!c->machine[i].skipped[0])
			add_row(c, &c->machine[i], t);
	table_print(t, prealloc_out(c->set));
	table_destroy(t);
}

void prealloc_vmm_report(const struct prealloc_machines *c)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		const struct prealloc_machine *m = &c->machine[i];

		if (m->skipped[0])
			result_warn(c->result, "left out: %s, prealloc %s: %s",
				    m->vmm, m->way, m->skipped);
		else
			json_array_append_new(list, machine_json(c, m));
	}
	result_set_extra(c->result, "machines", list);
	explain_nulls(c->result);
	print(c);
}
