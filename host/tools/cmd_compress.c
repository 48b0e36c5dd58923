/* SPDX-License-Identifier: MIT */
/* vmferry compress: compressing threads alone, against bare loops. */
#include <errno.h>
#include <stdlib.h>

#include "base/noise.h"
#include "tools/compress_cells.h"
#include "tools/compress_memory.h"
#include "tools/compress_options.h"
#include "tools/interrupt.h"
#include "tools/noise_json.h"
#include "tools/options.h"
#include "tools/tools.h"

static const struct command_help help = {
	.usage = "vmferry compress [OPTIONS]",
	.text = "Compresses memory by the threads that a migration would use, "
		"from memory to memory,\nand sets them against bare loops of "
		"the codec, as many as threads and CPUs allow, run\nbefore and "
		"after: that is the limit. Says where the time of the threads "
		"and of the one\nthat feeds them goes, and how often they "
		"sleep and wake each other.",
	.examples =
		"  vmferry compress --threads 2 --content r:4\n"
		"  vmferry compress --engine both --threads 1,2,8 --wait off\n"
		"  vmferry compress --codec zstd --level -3 --batch 16\n"
		"  vmferry compress --compare --ram 256M --json compress.json",
};

static int finish(const struct compress_settings *s, struct result *result,
		  int rc, struct error *err)
{
	int code = tools_exit_code(rc);

	if (code == EXIT_USAGE)
		return tools_fail("compress", code, err);
	result_add_verdict(result, rc ? RESULT_ERROR : RESULT_PASS);
	if (rc) {
		result_warn(result, "%s", err->text);
		tools_fail("compress", code, err);
	}
	code = result_exit_code(result);
	err->text[0] = '\0';
	if (result_write(result, s->json, err))
		return tools_fail("compress", EXIT_BROKEN, err);
	return code;
}

static int interrupted(const struct compress_settings *s, struct result *result)
{
	struct error err = { "" };

	fprintf(stderr, "vmferry compress: interrupted; nothing is left "
			"running\n");
	result_warn(result, "interrupted after %zu samples",
		    result_nr_samples(result));
	result_add_verdict(result, RESULT_ERROR);
	if (result_nr_samples(result) && result_write(result, s->json, &err))
		tools_fail("compress", EXIT_BROKEN, &err);
	return INTERRUPT_EXIT;
}

static int run(const struct compress_settings *s, struct result *result,
	       struct error *err)
{
	uint8_t *memory;
	int rc = interrupt_catch();

	if (rc)
		return error_set(err, rc, "cannot catch signals");
	rc = compress_memory_make(s->content, s->ram_bytes, &memory, err);
	if (rc)
		return rc;
	rc = compress_cells_run(s, memory, result, err);
	compress_memory_free(memory, s->ram_bytes);
	return rc;
}

static int measure(const struct compress_settings *s, int argc, char **argv)
{
	const struct result_params rp = { "compress", VMFERRY_VERSION, argc,
					  argv };
	struct error err = { "" };
	struct noise_report report;
	struct result *result;
	struct noise noise;
	int rc = result_create(&rp, &result);

	if (rc)
		return EXIT_BROKEN;
	noise_begin(&noise);
	result_set_params(result, compress_params_json(s));
	result_warn_null(result, "context.vmm", "no guest runs");
	result_warn_null(result, "context.accelerator", "no guest runs");
	rc = run(s, result, &err);
	noise_end(&noise, &report);
	noise_to_result(&report, result);
	if (interrupt_pending()) {
		rc = interrupted(s, result);
	} else {
		if (!rc)
			noise_print(&report, compress_out(s));
		rc = finish(s, result, rc, &err);
	}
	result_destroy(result);
	return rc;
}

int cmd_compress(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { compress_options,
							    NULL };
	struct compress_settings s;
	struct error err = { "" };
	json_t *shown;
	int rc;

	compress_defaults(&s);
	rc = options_parse(argc, argv, &help, tables, &s, &err);
	if (rc > 0)
		return EXIT_DONE;
	if (!rc)
		rc = compress_resolve(&s, &err);
	if (rc)
		return tools_fail("compress", EXIT_USAGE, &err);
	if (!s.dry_run)
		return measure(&s, argc, argv);
	shown = compress_params_json(&s);
	json_dumpf(shown, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(shown);
	return EXIT_DONE;
}
