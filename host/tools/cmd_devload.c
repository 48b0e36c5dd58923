/* SPDX-License-Identifier: MIT */
/* vmferry devload: what loading the state of devices costs. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common.h"
#include "tools/device_list.h"
#include "tools/devload_report.h"
#include "tools/interrupt.h"
#include "tools/tools.h"

#define MAX_ROWS 16u
#define COMMIT_ALL 3u

struct settings {
	struct common_settings common; /* first */
	const char *devices_text;
	unsigned int commit;
	bool running, stopped, scale;
	uint64_t repeat, warmup;

	struct devload_row row[MAX_ROWS];
	size_t nr_rows;
};

#define AT(field) offsetof(struct settings, field)

static const char *const commits[] = { "each", "once", "prepared", "all",
				       NULL };
static const char *const progresses[] = { "auto", "always", "never", NULL };

static const struct option_spec options[] = {
	{ "devices", OPTION_STRING, AT(devices_text), "LIST",
	  "KIND:DEVICESxQUEUES,...: net and blk, at most 62 devices of 64\n"
	  "queues (default: net:8x16,blk:16x4, then net:8x1,blk:16x1, then\n"
	  "net:1x16,blk:1x4)",
	  0, 0, NULL },
	{ "scale", OPTION_FLAG, AT(scale), "",
	  "1 to 3968 queues instead, and how the cost grows with them", 0, 0,
	  NULL },
	{ "commit", OPTION_CHOICE, AT(commit), "HOW",
	  "of the memory map while devices are loaded: each change, once,\n"
	  "prepared (the map is there before), or all of them in turn\n"
	  "(default), each time beside the bare calls of KVM",
	  0, 0, commits },
	{ "vcpus", OPTION_NUMBER, AT(common.cpus), "N",
	  "vCPUs, 1 to 64 (default 32)", 1, 64, NULL },
	{ "stopped", OPTION_FLAG, AT(stopped), "",
	  "vCPUs stand still, as on a migration's target (default)", 0, 0,
	  NULL },
	{ "running", OPTION_FLAG, AT(running), "",
	  "vCPU 0 spins, the others wait to be started", 0, 0, NULL },
	{ "repeat", OPTION_NUMBER, AT(repeat), "N",
	  "turns of everything, interleaved (default 20; with --scale 5)", 1,
	  10000, NULL },
	{ "warmup", OPTION_NUMBER, AT(warmup), "N",
	  "turns before those, not counted (default 1)", 0, 100, NULL },
	{ "json", OPTION_STRING, AT(common.json), "FILE|-",
	  "write the result there; -: to stdout, tables to stderr", 0, 0,
	  NULL },
	{ "dry-run", OPTION_FLAG, AT(common.dry_run), "",
	  "print the resolved configuration and stop", 0, 0, NULL },
	{ "progress", OPTION_CHOICE, AT(common.progress), "WHEN",
	  "status line on stderr: auto, always, never", 0, 0, progresses },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry devload [OPTIONS]",
	.text = "Loads the same saved state of PCI devices with many queues "
		"again and again, with the\nmemory map committed for each "
		"change, once, or prepared before, and says what each of\n"
		"them costs beside KVM's own part, the bare calls. Exit code 1 "
		"if a load left something\nout.",
	.examples = "  vmferry devload\n"
		    "  vmferry devload --devices net:8x16,blk:16x4 --commit "
		    "all --vcpus 2 --running\n"
		    "  vmferry devload --scale --json devload.json",
};

/* ---- rows --------------------------------------------------------------- */

static int add_row(struct settings *s, const char *devices,
		   double authors_ratio, struct error *err)
{
	struct devload_row *row = &s->row[s->nr_rows];
	unsigned int i;
	int rc = device_list_parse(devices, &row->config.devices, err);

	if (rc)
		return rc;
	if (strlen(devices) >= sizeof(row->devices))
		return error_set(err, -EINVAL, "--devices is too long");
	strcpy(row->devices, devices);
	row->authors_ratio = authors_ratio;
	row->config.nr_vcpus = (unsigned int)s->common.cpus;
	row->config.running = s->running;
	row->nr_queues = queues_list_total(&row->config.devices);
	for (i = 0; i < DEVLOAD_NR_WAYS; i++)
		row->samples[i] = json_array();
	s->nr_rows++;
	return 0;
}

/* Source: C. Fu, "migration: reduce time of loading non-iterable vmstate"
 * (QEMU mailing list, 2023): load after ÷ before. */
static const struct {
	const char *devices;
	double authors_ratio;
} known[] = {
	{ "net:8x16,blk:16x4", 30.0 / 150 },
	{ "net:8x1,blk:16x1", 25.0 / 90 },
	{ "net:1x16,blk:1x4", 11.0 / 20 },
};

static const char *const scale[] = { "net:1x1",	 "net:1x16",  "net:1x64",
				     "net:4x64", "net:16x64", "net:62x64" };

static int add_known(struct settings *s, const char *only, struct error *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < sizeof(known) / sizeof(known[0]); i++)
		if (!only || !strcmp(only, known[i].devices))
			rc = add_row(s, known[i].devices,
				     known[i].authors_ratio, err);
	if (!rc && !s->nr_rows)
		rc = add_row(s, only, 0, err);
	return rc;
}

static int resolve(struct settings *s, struct error *err)
{
	size_t i;
	int rc = 0;

	if (s->running && s->stopped)
		return error_set(err, -EINVAL,
				 "--running and --stopped exclude each other");
	if (s->scale && s->devices_text)
		return error_set(err, -EINVAL,
				 "--scale has its own devices: not with "
				 "--devices");
	if (!s->repeat)
		s->repeat = s->scale ? 5 : 20;
	if (!s->scale)
		rc = add_known(s, s->devices_text, err);
	for (i = 0; !rc && s->scale && i < sizeof(scale) / sizeof(scale[0]);
	     i++)
		rc = add_row(s, scale[i], 0, err);
	return rc ? rc : common_check_json(s->common.json, err);
}

static json_t *params(const struct settings *s)
{
	json_t *devices = json_array();
	size_t i;

	for (i = 0; i < s->nr_rows; i++)
		json_array_append_new(devices, json_string(s->row[i].devices));
	return json_pack("{s:o, s:s, s:I, s:s, s:b, s:I, s:I}", "devices",
			 devices, "commit", commits[s->commit], "vcpus",
			 (json_int_t)s->common.cpus, "vcpu_state",
			 s->running ? "running" : "stopped", "scale", s->scale,
			 "repeat", (json_int_t)s->repeat, "warmup",
			 (json_int_t)s->warmup);
}

/* ---- measuring ---------------------------------------------------------- */

static int load_once(struct devload *load, enum devload_way way,
		     struct devload_sample *ret, struct error *err)
{
	switch (way) {
	case DEVLOAD_EACH:
		return devload_run(load, VM_COMMIT_EACH, ret, err);
	case DEVLOAD_ONCE:
		return devload_run(load, VM_COMMIT_ONCE, ret, err);
	case DEVLOAD_PREPARED:
		return devload_run(load, VM_COMMIT_PREPARED, ret, err);
	default:
		return devload_bare(load, ret, err);
	}
}

static int turn(struct settings *s, struct result *result,
		struct devload_row *row, struct devload *load, uint64_t n,
		struct error *err)
{
	struct devload_sample sample;
	bool warmup = n < s->warmup;
	unsigned int way;
	int rc = 0;

	for (way = 0; !rc && way < DEVLOAD_NR_WAYS; way++) {
		json_t *o;

		if (interrupt_pending())
			break;
		if (s->commit != COMMIT_ALL && way != s->commit &&
		    way != DEVLOAD_BARE)
			continue;
		rc = load_once(load, way, &sample, err);
		if (rc)
			break;
		o = devload_sample_json(
			row, way,
			(unsigned int)(warmup ? n : n - s->warmup) + 1,
			&sample);
		if (!warmup)
			json_array_append(row->samples[way], o);
		result_add_sample(result, o, warmup);
		result_add_verdict(result, RESULT_PASS);
	}
	return rc;
}

static int measure_row(struct settings *s, struct result *result,
		       struct devload_row *row, struct error *err)
{
	struct devload *load;
	uint64_t n;
	int rc = devload_create(&row->config, &load, err);

	for (n = 0; !rc && n < s->warmup + s->repeat; n++) {
		if (interrupt_pending())
			break;
		if (common_shows_progress(&s->common))
			fprintf(stderr,
				"\r\033[K%s: turn %" PRIu64 " of %" PRIu64,
				row->devices, n + 1, s->warmup + s->repeat);
		rc = turn(s, result, row, load, n, err);
		if (rc)
			devload_destroy(load);
	}
	if (!rc)
		devload_destroy(load);
	return rc;
}

static int measure(struct settings *s, struct result *result, struct error *err)
{
	size_t i;
	int rc = 0;

	device_list_allow_descriptors();
	for (i = 0; !rc && i < s->nr_rows && !interrupt_pending(); i++)
		rc = measure_row(s, result, &s->row[i], err);
	if (rc == -EIO) {
		result_add_verdict(result, RESULT_FAIL);
		result_warn(result, "%s", err->text);
	}
	return rc == -EIO ? 0 : rc;
}

static int finish(struct settings *s, struct result *result, int rc,
		  struct error *err)
{
	json_t *cells = devload_cells(s->row, s->nr_rows);
	json_t *growth = devload_growth(cells);

	common_clear_progress(&s->common);
	if (!rc && !interrupt_pending())
		devload_print(cells, growth, common_out(&s->common));
	result_set_extra(result, "cells", cells);
	result_set_extra(result, "growth", growth);
	result_warn_null(result, "authors_ratio",
			 "they measured other devices");
	if (s->commit != COMMIT_ALL)
		result_warn_null(result, "ratio_to_each, ratio_to_once",
				 "only --commit all has both");
	return common_finish("devload", &s->common, result, rc, err);
}

static int run(struct settings *s, int argc, char **argv)
{
	const struct result_params rp = { "devload", VMFERRY_VERSION, argc,
					  argv };
	struct error err = { "" };
	struct result *result;
	int rc = result_create(&rp, &result), code;

	if (rc)
		return EXIT_BROKEN;
	result_set_params(result, params(s));
	common_note_version(&s->common, VMFERRY_VERSION);
	rc = interrupt_catch();
	if (!rc)
		rc = measure(s, result, &err);
	code = finish(s, result, rc, &err);
	result_destroy(result);
	return code;
}

int cmd_devload(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { options, NULL };
	struct settings *s = calloc(1, sizeof(*s));
	struct error err = { "" };
	json_t *shown;
	size_t i, way;
	int rc, code;

	if (!s)
		return EXIT_BROKEN;
	common_init(&s->common);
	s->common.cpus = 32;
	s->commit = COMMIT_ALL;
	s->warmup = 1;
	rc = options_parse(argc, argv, &help, tables, s, &err);
	if (rc > 0) {
		free(s);
		return EXIT_DONE;
	}
	if (!rc)
		rc = resolve(s, &err);
	if (rc) {
		code = tools_fail("devload", EXIT_USAGE, &err);
	} else if (s->common.dry_run) {
		shown = params(s);
		json_dumpf(shown, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(shown);
		code = EXIT_DONE;
	} else {
		code = run(s, argc, argv);
	}
	for (i = 0; i < s->nr_rows; i++)
		for (way = 0; way < DEVLOAD_NR_WAYS; way++)
			json_decref(s->row[i].samples[way]);
	common_exit(&s->common);
	free(s);
	return code;
}
