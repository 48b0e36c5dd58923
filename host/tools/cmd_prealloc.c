/* SPDX-License-Identifier: MIT */
/* vmferry prealloc: preallocates memory and measures it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/hugepages.h"
#include "base/noise.h"
#include "tools/interrupt.h"
#include "tools/noise_json.h"
#include "tools/options.h"
#include "tools/prealloc_compare.h"
#include "tools/prealloc_options.h"
#include "tools/prealloc_sample.h"
#include "tools/prealloc_vmm.h"
#include "tools/tools.h"

static const struct command_help help = {
	.usage = "vmferry prealloc [OPTIONS]",
	.text = "Maps memory as a guest's RAM would be, has every page of it "
		"there, and says how long\nthat took, thread by thread. "
		"Proves by smaps that the pages are of the size that was\n"
		"asked for. Exit code 1 if they are not, or could not be had: "
		"says what is missing.",
	.examples =
		"  vmferry prealloc --ram 4G --threads 2\n"
		"  vmferry prealloc --ram 320M --backing hugetlb --threads 64 "
		"--method split\n"
		"  vmferry prealloc --compare --ram 1G --json prealloc.json\n"
		"  vmferry prealloc --compare --vmm both --ram 1G --repeat 5",
};

static const char *const figures[] = {
	"elapsed_ms",	   "rate_bytes_per_s", "work_bytes_per_s",
	"start_spread_ms", "finish_spread_ms", "faults.minor",
};

/* Sentences for people, of a sample that is not right. */
static void judge(const struct prealloc_sample *s, struct result *result,
		  struct error *err)
{
	if (!s->failure[0] && prealloc_is_proven(s)) {
		result_add_verdict(result, RESULT_PASS);
		return;
	}
	if (s->failure[0])
		error_set(err, 0, "%s", s->failure);
	else
		error_set(err, 0,
			  "only %" PRIu64 " of %" PRIu64
			  " bytes are in pages of the size that was asked "
			  "for: the figures are of a mixture",
			  smaps_of_size(&s->smaps, s->page_bytes), s->bytes);
	result_warn(result, "%s", err->text);
	result_add_verdict(result, RESULT_FAIL);
}

/* Too few pages are what this is to find out. A kernel that has no such pages,
 * and so can have no pool of them, cannot run it. */
static int check_pool(const struct prealloc_settings *s, struct error *err)
{
	struct hugepages pool;
	char text[HUGEPAGES_TEXT_BYTES];

	if (!backing_is_pooled(s->backing, s->page_bytes) ||
	    hugepages_read(s->page_bytes, &pool) != -ENOENT)
		return 0;
	return error_set(err, -EOPNOTSUPP, "%s",
			 hugepages_remedy(s->page_bytes, 1, text));
}

static int one(const struct prealloc_settings *s, bool warmup,
	       struct result *result, struct error *err)
{
	const struct backing_params params = { .kind = s->backing,
					       .bytes = s->ram_bytes,
					       .page_bytes = s->page_bytes,
					       .name = "prealloc",
					       .path = s->path,
					       .reserve = s->reserve };
	struct prealloc_config config = prealloc_config_of(s);
	struct prealloc_sample sample;
	int rc;

	config.cancelled = interrupt_pending;
	rc = prealloc_measure(&params, &config, &sample, err);
	if (rc)
		return rc;
	result_add_sample(result, prealloc_sample_json(&sample, result),
			  warmup);
	if (!warmup)
		prealloc_sample_print(&sample, prealloc_out(s));
	judge(&sample, result, err);
	prealloc_sample_exit(&sample);
	return 0;
}

static int repeat(const struct prealloc_settings *s, struct result *result,
		  struct error *err)
{
	uint64_t i;
	int rc = 0;

	result_summarize(result, figures, sizeof(figures) / sizeof(figures[0]));
	for (i = 0; !rc && i < s->warmup + s->repeat; i++) {
		rc = one(s, i < s->warmup, result, err);
		if (result_verdict(result) == RESULT_FAIL)
			break;
	}
	return rc;
}

static int interrupted(const struct prealloc_settings *s, struct result *result)
{
	struct error err = { "" };

	fprintf(stderr, "vmferry prealloc: interrupted; nothing is left "
			"running\n");
	result_warn(result, "interrupted after %zu samples",
		    result_nr_samples(result));
	result_add_verdict(result, RESULT_ERROR);
	if (result_nr_samples(result) && result_write(result, s->json, &err))
		tools_fail("prealloc", EXIT_BROKEN, &err);
	return INTERRUPT_EXIT;
}

static int finish(const struct prealloc_settings *s, struct result *result,
		  int rc, struct error *err)
{
	int code = tools_exit_code(rc);

	if (code == EXIT_USAGE)
		return tools_fail("prealloc", code, err);
	if (rc) {
		result_warn(result, "%s", err->text);
		result_add_verdict(result, code == EXIT_CANNOT_RUN
						   ? RESULT_SKIP
						   : RESULT_ERROR);
	}
	code = result_exit_code(result);
	if (code != EXIT_DONE)
		tools_fail("prealloc", code, err);
	fprintf(prealloc_out(s), "Verdict: %s\n",
		result_verdict_name(result_verdict(result)));
	err->text[0] = '\0';
	if (result_write(result, s->json, err))
		return tools_fail("prealloc", EXIT_BROKEN, err);
	return code;
}

static int measure(const struct prealloc_settings *s, int argc, char **argv)
{
	const struct result_params rp = { "prealloc", VMFERRY_VERSION, argc,
					  argv };
	struct error err = { "" };
	struct noise_report report;
	struct result *result;
	struct noise noise;
	int rc = result_create(&rp, &result);

	if (rc)
		return EXIT_BROKEN;
	noise_begin(&noise);
	result_set_params(result, prealloc_params(s));
	result_warn_null(result, "context.vmm",
			 s->vmm ? "see machines" : "no guest runs");
	result_warn_null(result, "context.accelerator",
			 s->vmm ? "each VMM's own" : "no guest runs");
	rc = interrupt_catch();
	if (!rc)
		rc = check_pool(s, &err);
	if (!rc)
		rc = s->vmm	  ? prealloc_vmm_compare(s, result, &err)
		     : s->compare ? prealloc_compare(s, result, &err)
				  : repeat(s, result, &err);
	noise_end(&noise, &report);
	noise_to_result(&report, result);
	if (interrupt_pending()) {
		rc = interrupted(s, result);
	} else {
		if (!rc)
			noise_print(&report, prealloc_out(s));
		rc = finish(s, result, rc, &err);
	}
	result_destroy(result);
	return rc;
}

int cmd_prealloc(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { prealloc_options,
							    NULL };
	struct prealloc_settings s;
	struct error err = { "" };
	json_t *shown;
	int rc;

	prealloc_defaults(&s);
	rc = options_parse(argc, argv, &help, tables, &s, &err);
	if (rc > 0)
		return EXIT_DONE;
	if (!rc)
		rc = prealloc_resolve(&s, &err);
	if (rc)
		return tools_fail("prealloc", EXIT_USAGE, &err);
	if (!s.dry_run)
		return measure(&s, argc, argv);
	shown = prealloc_params(&s);
	json_dumpf(shown, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(shown);
	return EXIT_DONE;
}
