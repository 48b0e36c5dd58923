/* SPDX-License-Identifier: MIT */
/* vmferry frontier: the largest dirty rate that meets a downtime limit. */
#include <stdlib.h>

#include "tools/frontier_report.h"
#include "tools/interrupt.h"
#include "tools/tools.h"

/* The guest could not be made to write as fast as was asked. */
#define HELD 0.9

static void warn_rows(struct result *result, const json_t *rows)
{
	const json_t *r, *asked, *got;
	size_t i;

	result_warn_null(result, "skipped", "it was measured");
	json_array_foreach ((json_t *)rows, i, r) {
		asked = json_object_get(r, "rate_bytes_per_s");
		got = json_object_get(r, "achieved_bytes_per_s");
		if (json_is_number(got) &&
		    json_number_value(got) < HELD * json_number_value(asked))
			result_warn(result,
				    "variant %s: where the guest was asked for "
				    "%.0f bytes/s it wrote %.0f while it was "
				    "migrated: the limit is met at that rate",
				    json_string_value(
					    json_object_get(r, "variant")),
				    json_number_value(asked),
				    json_number_value(got));
	}
}

static void conclude(struct frontier *f, int rc)
{
	const struct common_settings *common = &f->set->base.common;
	json_t *rows = frontier_rows(f);

	common_clear_progress(common);
	if (interrupt_pending())
		result_warn(f->result, "interrupted after %zu of at most %u",
			    result_nr_samples(f->result),
			    frontier_max_tries(f));
	else if (!rc)
		frontier_print(rows, common_out(common));
	warn_rows(f->result, rows);
	result_set_extra(f->result, "curves", frontier_curves(f, rows));
	result_set_extra(f->result, "frontier", rows);
}

static int run(struct frontier_settings *s, int argc, char **argv)
{
	const struct result_params rp = { "frontier", VMFERRY_VERSION, argc,
					  argv };
	struct frontier f = { .set = s };
	struct error err = { "" };
	struct migrate_settings resolved;
	struct run_settings first;
	int rc = result_create(&rp, &f.result), code;

	if (rc)
		return EXIT_BROKEN;
	result_set_params(f.result, frontier_params(s));
	rc = interrupt_catch();
	if (!rc)
		rc = frontier_run_init(&f, &err);
	if (!rc)
		rc = frontier_run(&f, &err);
	conclude(&f, rc);
	/* The context is about the first variant's machine. */
	if (!frontier_resolve(&s->variant[0], 0, s->limits_ns.value[0],
			      &resolved, &first, &err))
		s->variant[0].s.common.machine = resolved.common.machine;
	frontier_release(&resolved, &first);
	code = common_finish("frontier", &s->variant[0].s.common, f.result, rc,
			     &err);
	frontier_run_exit(&f);
	result_destroy(f.result);
	return code;
}

static void show(const struct frontier_settings *s)
{
	json_t *shown = frontier_params(s);
	unsigned int nr = s->nr_variants * s->bandwidths.nr * s->limits_ns.nr;

	json_object_set_new(shown, "max_tries",
			    json_integer(nr * bisect_max_values(&s->bisect) *
					 s->bisect.tries));
	json_dumpf(shown, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(shown);
}

int cmd_frontier(int argc, char **argv)
{
	struct frontier_settings *s = calloc(1, sizeof(*s));
	struct error err = { "" };
	int rc, code = EXIT_DONE;

	if (!s)
		return EXIT_BROKEN;
	frontier_defaults(s);
	rc = frontier_parse(argc, argv, s, &err);
	if (rc < 0)
		code = tools_fail("frontier", EXIT_USAGE, &err);
	else if (!rc && s->base.common.dry_run)
		show(s);
	else if (!rc)
		code = run(s, argc, argv);
	frontier_exit(s);
	free(s);
	return code;
}
