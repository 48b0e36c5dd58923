/* SPDX-License-Identifier: MIT */
/* Checks of Hyper-V's interface: JSON, verdict, table. */
#include "tools/cycles_check.h"

#include <inttypes.h>
#include <math.h>

#include "report/table.h"

static const char *const results[] = {
	[CYCLES_SKIP] = "skip",
	[CYCLES_PASS] = "pass",
	[CYCLES_FAIL] = "fail",
};

static const char *const phases[] = { "boot", "after_migration" };

static json_t *hex(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *one(const struct cycles_check *c, const char *phase)
{
	bool failed = c->result == CYCLES_FAIL;

	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:I}",
			 "check", hv_check_name(c->check), "when", phase,
			 "result", results[c->result], "section",
			 hv_check_section(c->check), "skipped",
			 c->result == CYCLES_SKIP ? result_string(c->skipped)
						  : json_null(),
			 "why", failed ? result_string(c->why) : json_null(),
			 "saw", failed && c->step ? hex(c->saw) : json_null(),
			 "wanted",
			 failed && c->step ? hex(c->wanted) : json_null(),
			 "tries", (json_int_t)c->tries);
}

json_t *cycles_checks_json(const struct cycles_checks *all)
{
	json_t *list = json_array();
	unsigned int p, i;

	for (p = 0; p < all->nr_phases; p++)
		for (i = 0; i < HV_NR_CHECKS; i++)
			json_array_append_new(
				list, one(&all->phase[p][i], phases[p]));
	return list;
}

static void explain(struct result *r)
{
	result_warn_null(r, "checks.skipped", "the check was made");
	result_warn_null(r, "checks.why", "nothing was wrong");
	result_warn_null(r, "checks.saw", "nothing was wrong");
	result_warn_null(r, "checks.wanted", "nothing was wrong");
}

void cycles_checks_judge(const struct cycles_checks *all, struct result *r)
{
	unsigned int p, i;

	for (p = 0; p < all->nr_phases; p++)
		for (i = 0; i < HV_NR_CHECKS; i++) {
			const struct cycles_check *c = &all->phase[p][i];

			if (c->result == CYCLES_FAIL)
				result_warn(r, "check %s (%s) fails: %s",
					    hv_check_name(c->check), phases[p],
					    c->why);
			if (c->result == CYCLES_SKIP)
				result_warn(r, "check %s (%s): skipped: %s",
					    hv_check_name(c->check), phases[p],
					    c->skipped);
			else
				result_add_verdict(r, c->result == CYCLES_PASS
							      ? RESULT_PASS
							      : RESULT_FAIL);
		}
	explain(r);
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void note_cell(struct table *t, const json_t *o)
{
	json_int_t tries = json_integer_value(json_object_get(o, "tries"));

	if (text(o, "skipped")[0])
		table_cell(t, "%s", text(o, "skipped"));
	else if (text(o, "saw")[0])
		table_cell(t, "%s: %s, not %s", text(o, "why"), text(o, "saw"),
			   text(o, "wanted"));
	else if (text(o, "why")[0])
		table_cell(t, "%s", text(o, "why"));
	else if (tries)
		table_cell(t, "%" JSON_INTEGER_FORMAT " tries", tries);
	else
		table_cell(t, " ");
}

int cycles_checks_print(const json_t *checks, FILE *f)
{
	static const struct table_column columns[] = {
		{ "check", TABLE_LEFT },  { "when", TABLE_LEFT },
		{ "result", TABLE_LEFT }, { "TLFS, section", TABLE_LEFT },
		{ "", TABLE_LEFT },
	};
	struct table *t;
	json_t *o;
	size_t i;
	int rc = table_create("Hyper-V's interface, as the guest finds it",
			      columns, 5, &t);

	if (rc)
		return rc;
	json_array_foreach (checks, i, o) {
		table_cell(t, "%s", text(o, "check"));
		table_cell(t, "%s", text(o, "when"));
		table_cell(t, "%s", text(o, "result"));
		table_cell(t, "%s", text(o, "section"));
		note_cell(t, o);
	}
	rc = table_print(t, f);
	table_destroy(t);
	return rc;
}
