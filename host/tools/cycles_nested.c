/* SPDX-License-Identifier: MIT */
/* What the guest of a guest pays: JSON, verdict, table. */
#include "tools/cycles_nested.h"

#include <math.h>
#include <string.h>

#include "report/table.h"

const char *const cycles_nested_only[] = {
	"cpuid",	"rdmsr_passed", "rdmsr_trapped", "port_in_pic",
	"port_in_uart", "mmio_nobody",	"vm*",
};
const unsigned int cycles_nested_nr_only =
	sizeof(cycles_nested_only) / sizeof(cycles_nested_only[0]);

static const char *const proofs[] = {
	[CYCLES_NOT_TRIED] = "-",
	[CYCLES_PROVED] = "pass",
	[CYCLES_DISPROVED] = "fail",
};

/* Least ticks of @name in ring 0 of L1; NAN if it has none. */
static double l1_min(const struct cycles_boot *boot, const char *name)
{
	unsigned int i;

	for (i = 0; i < boot->nr; i++)
		if (!boot->probe[i].ring && boot->probe[i].nr_ticks &&
		    !strcmp(boot->probe[i].name, name))
			return boot->probe[i].stats.min;
	return NAN;
}

/* The first variant that could be had is what the others are compared with. */
static double plain_min(const struct cycles_nested *n, unsigned int probe)
{
	const struct cycles_variant *v = &n->variant[0];

	if (!n->nr || probe >= v->nr || !v->probe[probe].nr_ticks)
		return NAN;
	return v->probe[probe].stats.min;
}

static json_t *probe_json(const struct cycles_boot *boot,
			  const struct cycles_variant *v, unsigned int k)
{
	const struct cycles_probe *p = &v->probe[k];
	double min = p->nr_ticks ? p->stats.min : NAN;
	double p50 = p->nr_ticks ? p->stats.p50 : NAN;
	double l1 = l1_min(boot, p->name);

	return json_pack("{s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "probe",
			 p->name, "skipped",
			 p->nr_ticks ? json_null() : result_string(p->skipped),
			 "rounds", (json_int_t)p->nr_ticks,
			 "l1_exits_per_round", result_number(v->l1_exits[k]),
			 "min_ticks", result_number(min), "p50_ticks",
			 result_number(p50), "ratio_to_l1",
			 result_number(l1 > 0 ? min / l1 : NAN),
			 "difference_to_plain_ticks",
			 result_number(min - plain_min(&boot->nested, k)));
}

static json_t *variant_json(const struct cycles_boot *boot,
			    const struct cycles_variant *v)
{
	json_t *list = json_array();
	unsigned int k;

	for (k = 0; k < v->nr; k++)
		json_array_append_new(list, probe_json(boot, v, k));
	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o}", "variant", v->name, "skipped",
		v->skipped[0] ? result_string(v->skipped) : json_null(),
		"proof",
		v->proof ? result_string(proofs[v->proof]) : json_null(), "why",
		v->why[0] ? result_string(v->why) : json_null(),
		"l0_exits_per_l2_exit", result_number(v->l0_exits), "probes",
		list);
}

json_t *cycles_nested_json(const struct cycles_boot *boot)
{
	const struct cycles_nested *n = &boot->nested;
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < n->nr; i++)
		json_array_append_new(list, variant_json(boot, &n->variant[i]));
	return json_pack(
		"{s:o, s:o, s:o}", "backend",
		n->backend[0] ? result_string(n->backend) : json_null(),
		"missing",
		n->missing[0] ? result_string(n->missing) : json_null(),
		"variants", list);
}

void cycles_nested_judge(const struct cycles_boot *boot, struct result *result)
{
	const struct cycles_nested *n = &boot->nested;
	unsigned int i;

	if (n->missing[0])
		result_warn(result, "--nested: the guest cannot virtualize: %s",
			    n->missing);
	for (i = 0; i < n->nr; i++) {
		const struct cycles_variant *v = &n->variant[i];

		if (v->proof == CYCLES_NOT_TRIED) {
			result_warn(result, "variant %s: skipped: %s", v->name,
				    v->skipped);
			continue;
		}
		if (v->proof == CYCLES_DISPROVED)
			result_warn(result, "variant %s has not its effect: %s",
				    v->name, v->why);
		result_add_verdict(result, v->proof == CYCLES_PROVED
						   ? RESULT_PASS
						   : RESULT_FAIL);
	}
}

static void number_cell(struct table *t, const json_t *o, const char *key,
			const char *format)
{
	const json_t *v = json_object_get(o, key);

	if (json_is_number(v))
		table_cell(t, format, json_number_value(v));
	else
		table_cell(t, "-");
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void row(struct table *t, const json_t *v, const json_t *p)
{
	table_cell(t, "%s", text(v, "variant"));
	table_cell(t, "%s", text(p, "probe"));
	number_cell(t, p, "l1_exits_per_round", "%.2g");
	number_cell(t, p, "min_ticks", "%.0f");
	number_cell(t, p, "p50_ticks", "%.0f");
	number_cell(t, p, "ratio_to_l1", "%.2f");
	number_cell(t, p, "difference_to_plain_ticks", "%+.0f");
	if (strcmp(text(p, "probe"), "cpuid"))
		table_cell(t, "%s", text(p, "skipped"));
	else
		number_cell(t, v, "l0_exits_per_l2_exit", "%.2f L0 exits");
}

/* A variant without figures. */
static void empty_row(struct table *t, const json_t *v)
{
	unsigned int i;

	table_cell(t, "%s", text(v, "variant"));
	for (i = 0; i < 6; i++)
		table_cell(t, "-");
	if (text(v, "skipped")[0])
		table_cell(t, "skipped: %s", text(v, "skipped"));
	else
		table_cell(t, "FAIL: %s", text(v, "why"));
}

int cycles_nested_print(const json_t *nested, FILE *f)
{
	static const struct table_column columns[] = {
		{ "variant", TABLE_LEFT },   { "probe", TABLE_LEFT },
		{ "L1 exits", TABLE_RIGHT }, { "min ticks", TABLE_RIGHT },
		{ "p50", TABLE_RIGHT },	     { "of L1", TABLE_RIGHT },
		{ "to plain", TABLE_RIGHT }, { "", TABLE_LEFT },
	};
	json_t *v, *p, *probes;
	struct table *t;
	size_t i, k;
	int rc;

	if (text(nested, "missing")[0]) {
		fprintf(f, "No guest of the guest: %s\n",
			text(nested, "missing"));
		return 0;
	}
	rc = table_create("What it costs a guest of the guest; L1 exits: for "
			  "each round",
			  columns, 8, &t);
	if (rc)
		return rc;
	json_array_foreach (json_object_get(nested, "variants"), i, v) {
		probes = json_object_get(v, "probes");
		if (!json_array_size(probes))
			empty_row(t, v);
		json_array_foreach (probes, k, p)
			row(t, v, p);
	}
	rc = table_print(t, f);
	table_destroy(t);
	fprintf(f,
		"Published for a tight cpuid loop in L2 (Windows Server 2016 "
		"with Hyper-V on KVM):\n15200 cycles with an ordinary VMCS, "
		"13700 with an enlightened one.\n");
	return rc;
}
