/* SPDX-License-Identifier: MIT */
/* The tables of `vmferry devload`. */
#include "tools/devload_report.h"

#include <string.h>

#include "report/table.h"

static double figure(const json_t *cell, const char *name, const char *which)
{
	const json_t *f = json_object_get(cell, "figures");

	return json_number_value(
		json_object_get(json_object_get(f, name), which));
}

static void ratio_cell(struct table *t, const json_t *cell, const char *key)
{
	const json_t *value = json_object_get(cell, key);

	if (json_is_number(value))
		table_cell(t, "%.3g", json_number_value(value));
	else
		table_cell(t, "-");
}

static void row(struct table *t, const json_t *cell)
{
	table_cell(t, "%s",
		   json_string_value(json_object_get(cell, "devices")));
	table_cell(
		t, "%lld",
		(long long)json_integer_value(json_object_get(cell, "queues")));
	table_cell(t, "%s", json_string_value(json_object_get(cell, "commit")));
	table_cell(t, "%.3f", figure(cell, "load_ms", "median"));
	table_cell(t, "%.3f", figure(cell, "load_ms", "min"));
	table_cell(t, "%.3f", figure(cell, "load_ms", "max"));
	table_cell(t, "%.3f", figure(cell, "kvm_ms", "median"));
	table_cell(t, "%.0f", figure(cell, "kvm_calls", "median"));
	table_cell(t, "%.0f", figure(cell, "commits", "median"));
	table_cell(t, "%.0f", figure(cell, "views_built", "median"));
	ratio_cell(t, cell, "ratio_to_each");
	ratio_cell(t, cell, "authors_ratio");
	ratio_cell(t, cell, "ratio_to_once");
	ratio_cell(t, cell, "ratio_to_bare");
}

static void print_growth(const json_t *growth, FILE *f)
{
	const char *way;
	json_t *fit;

	json_object_foreach ((json_t *)growth, way, fit)
		fprintf(f,
			"%-9s grows with queues ^ %.2f; views built: %.0f to "
			"%.0f\n",
			way,
			json_number_value(json_object_get(fit, "exponent")),
			json_number_value(json_object_get(fit, "views_min")),
			json_number_value(json_object_get(fit, "views_max")));
}

void devload_print(json_t *cells, json_t *growth, FILE *f)
{
	static const struct table_column columns[] = {
		{ "devices", TABLE_LEFT },  { "queues", TABLE_RIGHT },
		{ "commit", TABLE_LEFT },   { "load ms", TABLE_RIGHT },
		{ "min", TABLE_RIGHT },	    { "max", TABLE_RIGHT },
		{ "in KVM", TABLE_RIGHT },  { "calls", TABLE_RIGHT },
		{ "commits", TABLE_RIGHT }, { "views", TABLE_RIGHT },
		{ "/ each", TABLE_RIGHT },  { "(authors)", TABLE_RIGHT },
		{ "/ once", TABLE_RIGHT },  { "/ bare", TABLE_RIGHT },
	};
	const char *last = NULL;
	struct table *t;
	json_t *cell;
	size_t i;

	if (table_create("Loading the devices' state, medians", columns,
			 sizeof(columns) / sizeof(columns[0]), &t))
		return;
	json_array_foreach (cells, i, cell) {
		const char *devices =
			json_string_value(json_object_get(cell, "devices"));

		if (last && strcmp(devices, last))
			table_rule(t);
		last = devices;
		row(t, cell);
	}
	table_print(t, f);
	table_destroy(t);
	print_growth(growth, f);
}
