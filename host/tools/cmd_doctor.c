/* SPDX-License-Identifier: MIT */
/* vmferry doctor: what this host can do, and what to change. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checks.h"
#include "base/clock.h"
#include "base/noise.h"
#include "drive/doctor.h"
#include "report/result.h"
#include "report/table.h"
#include "tools/common.h"
#include "tools/noise_json.h"
#include "tools/options.h"
#include "tools/tools.h"
#include "vmm/probe.h"

/* Enough clock ticks for a share of them to be known (steal). */
#define JITTER_NS (150 * NSEC_PER_MSEC)

struct settings {
	const char *qemu_binary, *kvm_path, *json;
};

#define AT(field) offsetof(struct settings, field)

static const struct option_spec options[] = {
	{ "qemu-binary", OPTION_STRING, AT(qemu_binary), "PATH",
	  "look at this QEMU too, before those in PATH", 0, 0, NULL },
	{ "kvm-path", OPTION_STRING, AT(kvm_path), "PATH",
	  "the KVM device (default /dev/kvm)", 0, 0, NULL },
	{ "json", OPTION_STRING, AT(json), "FILE|-",
	  "write the result there; -: to stdout, tables to stderr", 0, 0,
	  NULL },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry doctor [OPTIONS]",
	.text = "Looks at what this host can do for vmferry: KVM and its "
		"capabilities, QEMUs and what\nreally starts with them, "
		"memory, clocks, limits, noise. Lists what to change. Takes a "
		"few\nseconds, and changes nothing itself. Exit code 77 if "
		"neither KVM nor a QEMU works.",
	.examples = "  vmferry doctor\n"
		    "  vmferry doctor --qemu-binary "
		    "/opt/qemu/bin/qemu-system-x86_64\n"
		    "  vmferry doctor --json - | jq '.checks[] | "
		    "select(.state != \"ok\")'",
};

static const char nothing_usable[] =
	"neither KVM nor a QEMU is usable here: no guest can run";

/* What was found, beside the rows. */
struct diagnosis {
	struct checks checks;
	struct doctor_touch touch;
	struct noise_report noise;
	json_t *qemus;
	bool mini, qemu;
};

static void add_noise(struct checks *checks, const struct noise_report *n)
{
	char text[NOISE_TEXT_BYTES];
	bool bad = n->grade >= 'D';
	struct check *row =
		checks_add(checks, bad ? CHECK_NOTE : CHECK_OK, "host.noise");

	check_value(row, "grade %c (%s); longest gap in a loop %.0f us",
		    n->grade, noise_reason(n, text), n->max_gap_us);
	if (bad)
		check_advice(row, "measure when the host is quiet, and repeat: "
				  "times of milliseconds are noise now");
}

/* The noise is measured where vmferry itself is quiet. */
static void measure_noise(struct diagnosis *f)
{
	struct noise noise;
	double gap_us;

	noise_begin(&noise);
	gap_us = noise_jitter(JITTER_NS);
	noise_end(&noise, &f->noise);
	f->noise.max_gap_us = gap_us;
	f->noise.grade = noise_grade(&f->noise);
}

static int examine(const struct settings *s, struct diagnosis *f)
{
	measure_noise(f);
	doctor_host(&f->checks);
	add_noise(&f->checks, &f->noise);
	doctor_clock(&f->checks);
	doctor_memory(&f->checks);
	doctor_touch(&f->checks, &f->touch);
	doctor_limits(&f->checks);
	doctor_kernel(&f->checks);
	doctor_firmware(&f->checks);
	f->mini = probe_kvm(s->kvm_path, &f->checks);
	return doctor_qemu(s->qemu_binary, getenv("PATH"), &f->checks,
			   &f->qemus, &f->qemu);
}

static size_t group_length(const char *name)
{
	return strcspn(name, ".");
}

static int print_rows(const struct checks *c, FILE *f)
{
	static const struct table_column columns[] = {
		{ "check", TABLE_LEFT },
		{ "state", TABLE_LEFT },
		{ "found", TABLE_LEFT },
	};
	struct table *t;
	size_t i, len = 0;
	int rc = table_create("What this host has", columns, 3, &t);

	if (rc)
		return rc;
	for (i = 0; i < c->nr; i++) {
		if (i && (len != group_length(c->list[i].name) ||
			  strncmp(c->list[i].name, c->list[i - 1].name, len)))
			table_rule(t);
		len = group_length(c->list[i].name);
		table_cell(t, "%s", c->list[i].name);
		table_cell(t, "%s", check_state_name(c->list[i].state));
		table_cell(t, "%s", c->list[i].value);
	}
	rc = table_print(t, f);
	table_destroy(t);
	return rc;
}

/* The gravest first. */
static int print_advice(const struct checks *c, FILE *f)
{
	static const enum check_state order[] = { CHECK_PROBLEM, CHECK_NOTE,
						  CHECK_ABSENT };
	static const struct table_column columns[] = {
		{ "check", TABLE_LEFT },
		{ "state", TABLE_LEFT },
		{ "do", TABLE_LEFT },
	};
	struct table *t;
	size_t i, k;
	int rc = table_create("What to change", columns, 3, &t);

	if (rc)
		return rc;
	fputc('\n', f);
	for (k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (i = 0; i < c->nr; i++) {
			if (c->list[i].state != order[k] ||
			    !c->list[i].advice[0])
				continue;
			table_cell(t, "%s", c->list[i].name);
			table_cell(t, "%s", check_state_name(order[k]));
			table_cell(t, "%s", c->list[i].advice);
		}
	rc = table_print(t, f);
	table_destroy(t);
	return rc;
}

static json_t *checks_json(const struct checks *c)
{
	json_t *list = json_array();
	const struct check *row;
	size_t i;

	for (i = 0; i < c->nr; i++) {
		row = &c->list[i];
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:o, s:o}", "name", row->name,
				  "state", check_state_name(row->state),
				  "value", result_string(row->value), "advice",
				  row->advice[0] ? result_string(row->advice)
						 : json_null()));
	}
	return list;
}

static json_t *sample_json(const struct diagnosis *f, struct result *result)
{
	const struct doctor_touch *t = &f->touch;

	if (!t->bytes) {
		result_warn_null(result, "clear",
				 "less than 1 GiB of memory "
				 "is available");
		return json_pack("{s:n, s:o}", "clear", "max_gap_us",
				 result_number(f->noise.max_gap_us));
	}
	return json_pack(
		"{s:{s:I, s:o, s:o, s:o}, s:o}", "clear", "bytes",
		(json_int_t)t->bytes, "first_bytes_per_s",
		result_number(t->first_bytes_per_s), "again_bytes_per_s",
		result_number(t->again_bytes_per_s), "mapped_bytes_per_s",
		result_number(t->mapped_bytes_per_s), "max_gap_us",
		result_number(f->noise.max_gap_us));
}

static void fill(struct result *r, const struct settings *s,
		 struct diagnosis *f)
{
	result_set_params(r, json_pack("{s:o, s:s}", "qemu_binary",
				       s->qemu_binary
					       ? result_string(s->qemu_binary)
					       : json_null(),
				       "kvm_path",
				       s->kvm_path ? s->kvm_path : "/dev/kvm"));
	result_warn_null(r, "context.vmm", "a doctor runs no guest");
	result_warn_null(r, "context.accelerator", "a doctor runs no guest");
	noise_to_result(&f->noise, r);
	result_add_sample(r, sample_json(f, r), false);
	result_set_extra(r, "checks", checks_json(&f->checks));
	result_set_extra(r, "qemus", json_incref(f->qemus));
	result_set_extra(
		r, "usable",
		json_pack("{s:b, s:b}", "mini", f->mini, "qemu", f->qemu));
	result_add_verdict(r, f->mini || f->qemu ? RESULT_PASS : RESULT_SKIP);
	if (!f->mini && !f->qemu)
		result_warn(r, "%s", nothing_usable);
}

static int tell(const struct settings *s, struct diagnosis *f,
		struct result *result, struct error *err)
{
	FILE *out = s->json && !strcmp(s->json, "-") ? stderr : stdout;
	int rc = examine(s, f);

	if (!rc)
		rc = f->checks.failed;
	if (rc)
		return rc;
	fill(result, s, f);
	rc = print_rows(&f->checks, out);
	if (!rc)
		rc = print_advice(&f->checks, out);
	fprintf(out, "\nCan run here: mini VMM %s, QEMU %s\nVerdict: %s\n",
		f->mini ? "yes" : "no", f->qemu ? "yes" : "no",
		result_verdict_name(result_verdict(result)));
	if (!f->mini && !f->qemu)
		error_set(err, -ENODEV, "%s", nothing_usable);
	return rc ? rc : result_write(result, s->json, err);
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { options, NULL };
	const struct result_params rp = { "doctor", VMFERRY_VERSION, argc,
					  argv };
	struct diagnosis f = { .qemus = NULL };
	struct settings s = { .json = NULL };
	struct error err = { "" };
	struct result *result;
	int rc = options_parse(argc, argv, &help, tables, &s, &err), code;

	if (rc > 0)
		return EXIT_DONE;
	if (!rc)
		rc = common_check_json(s.json, &err);
	if (rc)
		return tools_fail("doctor", EXIT_USAGE, &err);
	if (result_create(&rp, &result))
		return EXIT_BROKEN;
	checks_init(&f.checks);
	rc = tell(&s, &f, result, &err);
	code = rc ? EXIT_BROKEN : result_exit_code(result);
	if (code != EXIT_DONE)
		tools_fail("doctor", code, &err);
	checks_exit(&f.checks);
	json_decref(f.qemus);
	result_destroy(result);
	return code;
}
