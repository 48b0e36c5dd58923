/* SPDX-License-Identifier: MIT */
/* vmferry cycles: what leaving the guest costs. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "drive/rundir.h"
#include "tools/cycles_check.h"
#include "tools/cycles_nested.h"
#include "tools/cycles_options.h"
#include "tools/cycles_report.h"
#include "tools/hyperv_options.h"
#include "tools/interrupt.h"
#include "tools/tools.h"

#define SPREAD_PCT 1.0

struct cycles {
	struct cycles_options *set;
	struct result *result;
	json_t *samples; /* of all variants */
	json_t *nested; /* of each boot, with --nested */
	json_t *checks; /* with --check */
	char dir[RUNDIR_BYTES];
	char path[PATH_MAX];
	const char *kernel;
	uint64_t turn;
	bool skipped; /* some probe was */
	uint64_t tsc_hz; /* of the first boot */
};

static void on_child(void *ctx, unsigned int slot, pid_t pid)
{
	interrupt_child(slot, pid);
}

static void show(void *ctx, const char *probe, unsigned int ring)
{
	const struct cycles *c = ctx;

	if (common_shows_progress(&c->set->common))
		fprintf(stderr,
			"\r\033[Kboot %" PRIu64 " of %" PRIu64 ": %s, ring %u",
			c->turn + 1, c->set->repeat * c->set->features.nr,
			probe, ring);
}

static const char *model(const struct drive_qemu *q)
{
	if (q->cpu)
		return q->cpu;
	return strcmp(q->accel, "kvm") ? "max" : "qemu64,check=off";
}

static void settings(struct cycles *c, unsigned int feature,
		     char cpu[CYCLES_CPU_BYTES], struct cycles_settings *ret)
{
	const struct cycles_options *s = c->set;

	*ret = (struct cycles_settings){
		.vm = {
			.kind = s->common.machine.kind,
			.qemu = s->common.machine.qemu,
			.devices = s->common.machine.devices,
			.name = "guest",
			.dir = c->dir,
			.ram_bytes = s->common.ram_bytes,
			.nr_vcpus = (unsigned int)s->common.cpus,
			.memory = s->common.memory.memory,
			.kernel = c->kernel,
			.child = on_child,
			.nested = s->nested,
			.hyperv = s->common.machine.hyperv,
		},
		.nested = s->nested,
		.variant = s->variant,
		.nr_variants = s->nr_variants,
		.only = s->only,
		.nr_only = s->nr_only,
		.rounds = s->list ? 1 : s->rounds,
		.spread_pct = SPREAD_PCT,
		.limit_ns = s->limit_ns,
		.watchdog_ns = s->watchdog_ns,
		.nr_pins = s->nr_pins,
		.progress = show,
		.progress_ctx = c,
		.pending = interrupt_pending,
	};
	if (s->nested && !s->nr_only) {
		ret->only = cycles_nested_only;
		ret->nr_only = cycles_nested_nr_only;
	}
	memcpy(ret->pin, s->pin, sizeof(ret->pin));
	if (feature && ret->vm.kind == DRIVE_MINI)
		/* It was tried when the options were read. */
		hyperv_options_add(s->features.name[feature], &ret->vm.hyperv,
				   NULL);
	else if (feature)
		ret->vm.qemu.cpu = cycles_ab_cpu(
			model(&ret->vm.qemu), s->features.name[feature], cpu);
}

static void judge(struct cycles *c, const struct cycles_boot *boot)
{
	unsigned int i;

	for (i = 0; i < boot->nr; i++) {
		const struct cycles_probe *p = &boot->probe[i];

		c->skipped = c->skipped || !p->nr_ticks;
		if (!p->nr_ticks)
			result_warn(c->result, "%s in ring %u: skipped: %s",
				    p->name, p->ring, p->skipped);
		else
			result_add_verdict(c->result, RESULT_PASS);
		if (p->nr_ticks && p->broke)
			result_warn(c->result,
				    "%s in ring %u ended after %zu rounds: "
				    "the guest did not survive another",
				    p->name, p->ring, p->nr_ticks);
	}
}

/* One host, one TSC: a guest that is denied its clock finds out less well. */
static void check_hz(struct cycles *c, const char *variant,
		     struct cycles_boot *boot)
{
	uint64_t hz = boot->tsc_hz, first = c->tsc_hz;

	if (!first) {
		c->tsc_hz = hz;
		return;
	}
	if (hz > first + first / 1000 || hz < first - first / 1000)
		result_warn(c->result,
			    "%s: the guest took its TSC for one of %" PRIu64
			    " Hz, and the first one for %" PRIu64
			    " Hz: times are by that",
			    variant, hz, first);
	boot->tsc_hz = first;
}

static int one(struct cycles *c, unsigned int feature, unsigned int repeat,
	       struct error *err)
{
	struct cycles_options *s = c->set;
	struct cycles_boot *boot = calloc(1, sizeof(*boot));
	struct cycles_settings set;
	struct error why = { "" };
	char cpu[CYCLES_CPU_BYTES];
	int rc;

	if (!boot)
		return error_set(err, -ENOMEM, "no memory");
	settings(c, feature, cpu, &set);
	rc = cycles_run(&set, boot, &why);
	if (boot->vmm_version[0])
		common_note_version(&s->common, boot->vmm_version);
	if (!rc)
		check_hz(c, s->features.name[feature], boot);
	if (!rc && !interrupt_pending()) {
		json_t *o =
			cycles_sample(boot, repeat, s->features.name[feature]);

		if (s->list)
			cycles_print_list(boot, common_out(&s->common));
		json_array_append(c->samples, o);
		result_add_sample(c->result, o, false);
		judge(c, boot);
		if (s->nested) {
			json_array_append_new(c->nested,
					      cycles_nested_json(boot));
			cycles_nested_judge(boot, c->result);
		}
	}
	cycles_boot_exit(boot);
	free(boot);
	c->turn++;
	/* A flag that this machine has not is the feature's affair. */
	if (rc && feature && !interrupt_pending()) {
		snprintf(s->features.skipped[feature],
			 sizeof(s->features.skipped[feature]), "%.199s",
			 why.text);
		result_warn(c->result, "feature %s: skipped: %s",
			    s->features.name[feature], why.text);
		return 0;
	}
	return rc ? error_set(err, rc, "%s", why.text) : 0;
}

static int check(struct cycles *c, struct error *err)
{
	struct cycles_checks *checks = calloc(1, sizeof(*checks));
	struct cycles_settings set;
	char cpu[CYCLES_CPU_BYTES];
	int rc;

	if (!checks)
		return error_set(err, -ENOMEM, "no memory");
	settings(c, 0, cpu, &set);
	rc = cycles_check_run(&set, c->set->migrate, checks, err);
	if (checks->vmm_version[0])
		common_note_version(&c->set->common, checks->vmm_version);
	if (!rc && !interrupt_pending()) {
		json_t *list = cycles_checks_json(checks);

		json_array_extend(c->checks, list);
		json_decref(list);
		cycles_checks_judge(checks, c->result);
	}
	free(checks);
	return rc;
}

/* To and fro: what drifts falls on all alike. */
static int measure(struct cycles *c, struct error *err)
{
	const struct cycles_features *f = &c->set->features;
	unsigned int i, k, feature;
	int rc = 0;

	for (i = 0; !rc && i < c->set->repeat; i++)
		for (k = 0; !rc && k < f->nr && !interrupt_pending(); k++) {
			feature = i % 2 ? f->nr - 1 - k : k;
			if (!f->skipped[feature][0])
				rc = one(c, feature, i + 1, err);
		}
	return rc;
}

static json_t *features(const struct cycles_features *f)
{
	json_t *list = json_array();
	unsigned int k;

	for (k = 1; k < f->nr; k++)
		json_array_append_new(
			list, json_pack("{s:s, s:o}", "feature", f->name[k],
					"skipped",
					f->skipped[k][0]
						? result_string(f->skipped[k])
						: json_null()));
	return list;
}

static void explain(struct result *r, const char *const *keys, size_t nr,
		    const char *reason)
{
	while (nr--)
		result_warn_null(r, *keys++, reason);
}

static void explain_nested(struct result *r)
{
	static const char *const good[] = {
		"nested.missing",
		"variants.skipped",
		"variants.why",
	};
	static const char *const none[] = {
		"nested.backend",
		"variants.proof",
		"variants.l0_exits_per_l2_exit",
		"variants.probes.l1_exits_per_round",
		"variants.probes.min_ticks",
		"variants.probes.p50_ticks",
		"variants.probes.ratio_to_l1",
		"variants.probes.difference_to_plain_ticks",
	};

	explain(r, good, 3, "nothing is missing or wrong");
	explain(r, none, 8,
		"it cannot be had here, or KVM (QEMU) does not count it");
}

static void explain_nulls(const struct cycles *c)
{
	static const char *const measured[] = {
		"probes.empty_ticks", "probes.spread_pct", "probes.ticks",
		"probes.ns",	      "probes.histogram",  "probes.figures",
	};
	static const char *const paired[] = {
		"ab.base_p50_ns", "ab.feature_p50_ns", "ab.difference_ns",
		"ab.ci95_low_ns", "ab.ci95_high_ns",
	};

	result_warn_null(c->result, "probes.skipped", "it was measured");
	if (c->skipped)
		explain(c->result, measured, 6, "the probe was skipped");
	if (c->skipped || c->set->repeat == 1)
		result_warn_null(c->result, "probes.p50_range_pct",
				 "it takes figures of two boots");
	if (c->set->nested)
		explain_nested(c->result);
	if (!c->set->ab_text)
		return;
	result_warn_null(c->result, "features.skipped", "it was measured");
	explain(c->result, paired, 5,
		"the probe was skipped, or there are not 6 pairs");
}

static void print_ab(const struct cycles_features *f, const json_t *rows,
		     FILE *out)
{
	unsigned int k;

	cycles_ab_print(rows, out);
	for (k = 1; k < f->nr; k++)
		if (f->skipped[k][0])
			fprintf(out, "%s: skipped: %s\n", f->name[k],
				f->skipped[k]);
}

static void conclude(struct cycles *c, int rc)
{
	const struct cycles_options *s = c->set;
	FILE *out = common_out(&s->common);
	json_t *probes = cycles_probes(c->samples, s->level_name);
	json_t *rows = cycles_ab_rows(c->samples, &s->features);

	common_clear_progress(&s->common);
	if (!rc && !interrupt_pending() && !s->list) {
		if (s->check)
			cycles_checks_print(c->checks, out);
		else
			cycles_print(probes, s->level_name, s->ticks, out);
		if (s->nested)
			cycles_nested_print(json_array_get(c->nested, 0), out);
		if (s->ab_text)
			print_ab(&s->features, rows, out);
	}
	/* Nothing ran at all: exit code 77. */
	result_add_verdict(c->result, RESULT_SKIP);
	explain_nulls(c);
	result_set_extra(c->result, "level", json_string(s->level_name));
	result_set_extra(c->result, "ticks_are", json_string(s->ticks));
	result_set_extra(c->result, "probes", probes);
	result_set_extra(c->result, "features", features(&s->features));
	result_set_extra(c->result, "ab", rows);
	result_set_extra(c->result, "nested", json_incref(c->nested));
	result_set_extra(c->result, "checks", json_incref(c->checks));
}

static int run(struct cycles_options *s, int argc, char **argv)
{
	const struct result_params rp = { "cycles", VMFERRY_VERSION, argc,
					  argv };
	struct cycles c = { .set = s,
			    .samples = json_array(),
			    .nested = json_array(),
			    .checks = json_array() };
	struct error err = { "" };
	int rc = result_create(&rp, &c.result), code;

	if (rc)
		return EXIT_BROKEN;
	result_set_params(c.result, cycles_params(s));
	rc = interrupt_catch();
	if (!rc)
		rc = rundir_create(c.dir, &err);
	if (!rc)
		rc = common_kernel(&s->common, c.dir, c.path, &c.kernel, &err);
	if (!rc)
		rc = s->check ? check(&c, &err) : measure(&c, &err);
	rundir_remove(c.dir);
	conclude(&c, rc);
	code = common_finish("cycles", &s->common, c.result, rc, &err);
	result_destroy(c.result);
	json_decref(c.samples);
	json_decref(c.nested);
	json_decref(c.checks);
	return code;
}

int cmd_cycles(int argc, char **argv)
{
	struct cycles_options *s = calloc(1, sizeof(*s));
	struct error err = { "" };
	json_t *shown;
	int rc, code = EXIT_DONE;

	if (!s)
		return EXIT_BROKEN;
	rc = cycles_options_parse(argc, argv, s, &err);
	if (rc < 0) {
		code = tools_fail("cycles", tools_exit_code(rc), &err);
	} else if (!rc && s->common.dry_run) {
		shown = cycles_params(s);
		json_dumpf(shown, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(shown);
	} else if (!rc) {
		code = run(s, argc, argv);
	}
	cycles_options_exit(s);
	free(s);
	return code;
}
