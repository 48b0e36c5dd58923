/* SPDX-License-Identifier: MIT */
/* The options of `vmferry cycles`. */
#include "tools/cycles_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "drive/cycles_level.h"
#include "report/paired.h"
#include "tools/hyperv_options.h"
#include "tools/words.h"

#define AT(field) offsetof(struct cycles_options, field)

enum { LEVEL_AUTO };
static const char *const levels[] = { "auto", "L1", "L2", "L3", NULL };

static const struct option_spec options[] = {
	{ "vcpus", OPTION_NUMBER, AT(common.cpus), "N",
	  "the same as --cpus; here the default is 2", 1, ABI_MAX_VCPUS, NULL },
	{ "list", OPTION_FLAG, AT(list), "",
	  "say which probes there are, and which cannot run here", 0, 0, NULL },
	{ "only", OPTION_STRING, AT(only_text), "NAME,...",
	  "these probes; NAME* is all that begin like that", 0, 0, NULL },
	{ "rounds", OPTION_NUMBER, AT(rounds), "N",
	  "of a probe at most (default 3000); it ends before that when\n"
	  "its median is known to 1 %",
	  1, CYCLES_MAX_ROUNDS, NULL },
	{ "limit", OPTION_TIME, AT(limit_ns), "TIME",
	  "for one probe (default 2s)", 1, 0, NULL },
	{ "watchdog", OPTION_TIME, AT(watchdog_ns), "TIME",
	  "a guest that is silent for that long is given up, and its probe\n"
	  "(default 20s)",
	  100 * NSEC_PER_MSEC, 3600 * NSEC_PER_SEC, NULL },
	{ "pin", OPTION_STRING, AT(pin_text), "CPU,...",
	  "vCPU 0 runs on the first of these only, 1 on the next, ...", 0, 0,
	  NULL },
	{ "repeat", OPTION_NUMBER, AT(repeat), "N",
	  "boots, one after another (default 1; with --ab 6)", 1, 1000, NULL },
	{ "ab", OPTION_STRING, AT(ab_text), "FEATURE,...",
	  "boot without and with each of these in turn, and say what each\n"
	  "changes; A+B are two together. QEMU: flags of -cpu; mini VMM:\n"
	  "hyperv=user, hyperv=kvm, hv-NAME, and -hv-NAME for off, on top of\n"
	  "the --hyperv and --hv-... that are given",
	  0, 0, NULL },
	{ "check", OPTION_FLAG, AT(check), "",
	  "measure nothing: does Hyper-V's interface, where the guest is\n"
	  "offered it, keep what its specification says; --only takes names\n"
	  "of checks then",
	  0, 0, NULL },
	{ "migrate", OPTION_FLAG, AT(migrate), "",
	  "with --check: before and after a migration, in use meanwhile", 0, 0,
	  NULL },
	{ "nested", OPTION_FLAG, AT(nested), "",
	  "also what a guest of the guest pays, by VMX or SVM", 0, 0, NULL },
	{ "variant", OPTION_STRING, AT(variant_text), "NAME,...",
	  "with --nested: these ways to do it, each with and without an\n"
	  "enlightenment (default all)",
	  0, 0, NULL },
	{ "icount", OPTION_FLAG, AT(icount), "",
	  "--accel tcg: the TSC counts instructions, and a run repeats\n"
	  "exactly",
	  0, 0, NULL },
	{ "level", OPTION_CHOICE, AT(level), "LEVEL",
	  "what the guest runs below: L1 a machine, L2 a guest, L3 a guest\n"
	  "of a guest; auto (default) by CPUID, which tells one from more",
	  0, 0, levels },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry cycles [OPTIONS]",
	.text = "Boots the guest and measures what leaving it costs: "
		"instructions that exit, ports and\ndevice memory, "
		"interrupts, timers, memory that is touched for the first "
		"time. Each\nprobe takes many turns; an empty loop is taken "
		"off.",
	.examples =
		"  vmferry cycles\n"
		"  vmferry cycles --list\n"
		"  vmferry cycles --vmm qemu --accel tcg --icount --vcpus 1\n"
		"  vmferry cycles --only 'port*,cpuid' --repeat 10 "
		"--pin 0,1 --json cycles.json\n"
		"  vmferry cycles --vmm mini --hyperv kvm --check --migrate\n"
		"  vmferry cycles --vmm mini --hyperv user --ab -hv-vapic,"
		"-hv-synic\n"
		"  vmferry cycles --vmm mini --hyperv kvm --nested --variant all\n"
		"  vmferry cycles --vmm qemu --ab hv-relaxed,"
		"hv-vpindex+hv-synic",
};

static int split_only(struct cycles_options *s, struct error *err)
{
	char *save, *word;

	if (!s->only_text)
		return 0;
	s->only_words = strdup(s->only_text);
	if (!s->only_words)
		return error_set(err, -ENOMEM, "no memory");
	for (word = strtok_r(s->only_words, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		if (s->nr_only == CYCLES_MAX_ONLY)
			return error_set(err, -EINVAL,
					 "--only takes at most %u names",
					 CYCLES_MAX_ONLY);
		s->only[s->nr_only++] = word;
	}
	if (!s->nr_only)
		return error_set(err, -EINVAL, "--only takes names of probes");
	return 0;
}

static int split_variants(struct cycles_options *s, struct error *err)
{
	char *save, *word;

	if (!s->variant_text || !strcmp(s->variant_text, "all"))
		return 0;
	s->variant_words = strdup(s->variant_text);
	if (!s->variant_words)
		return error_set(err, -ENOMEM, "no memory");
	for (word = strtok_r(s->variant_words, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		if (s->nr_variants == CYCLES_MAX_VARIANTS)
			return error_set(err, -EINVAL,
					 "--variant takes at most %u names",
					 CYCLES_MAX_VARIANTS);
		s->variant[s->nr_variants++] = word;
	}
	if (!s->nr_variants)
		return error_set(err, -EINVAL,
				 "--variant takes names of variants, or all");
	return 0;
}

static int cpu_word(const char *word, uint64_t *ret)
{
	return units_parse_u64(word, 0, 1023, ret);
}

static int split_pin(struct cycles_options *s, struct error *err)
{
	uint64_t cpu[CYCLES_MAX_PINS];
	unsigned int i;
	int rc;

	if (!s->pin_text)
		return 0;
	rc = words_list("pin", "numbers of CPUs", s->pin_text, cpu_word, cpu,
			CYCLES_MAX_PINS, &s->nr_pins, err);
	for (i = 0; !rc && i < s->nr_pins; i++)
		s->pin[i] = (unsigned int)cpu[i];
	return rc;
}

static int check(struct cycles_options *s, struct error *err)
{
	const struct machine_choice *m = &s->common.machine;
	bool tcg = m->kind == DRIVE_QEMU && !strcmp(m->qemu.accel, "tcg");

	if (s->common.workload_text)
		return error_set(err, -EINVAL,
				 "--workload is not for cycles: the guest is "
				 "to do nothing else");
	if (s->variant_text && !s->nested)
		return error_set(err, -EINVAL, "--variant goes with --nested");
	if (s->nested && (s->ab_text || s->list))
		return error_set(err, -EINVAL,
				 "--nested goes neither with --ab nor with "
				 "--list");
	if (s->migrate && !s->check)
		return error_set(err, -EINVAL, "--migrate goes with --check");
	if (s->check && (s->ab_text || s->list || s->nested))
		return error_set(err, -EINVAL,
				 "--check measures nothing: leave out --ab, "
				 "--list and --nested");
	if (s->icount && !tcg)
		return error_set(err, -EINVAL, "--icount is for --accel tcg");
	if (s->ab_text && s->list)
		return error_set(err, -EINVAL,
				 "--list measures nothing: leave out --ab");
	s->common.machine.qemu.icount = s->icount;
	s->level_name =
		s->level ? levels[s->level] : cycles_level(cycles_host(), tcg);
	s->ticks = s->icount || (!tcg && cycles_host() == CYCLES_HOST_EMULATED)
			   ? "instructions, emulated"
		   : tcg ? "of an emulated TSC"
			 : "of the TSC";
	return 0;
}

/* Each on its own, as it will be booted. */
static int check_features(const struct cycles_options *s, struct error *err)
{
	struct hyperv_choice choice;
	unsigned int i;
	int rc = 0;

	for (i = 1; !rc && i < s->features.nr; i++) {
		choice = s->common.machine.hyperv;
		rc = hyperv_options_add(s->features.name[i], &choice, err);
		if (!rc)
			rc = hyperv_options_check(&choice, false, err);
	}
	return rc;
}

int cycles_options_parse(int argc, char **argv, struct cycles_options *s,
			 struct error *err)
{
	static const struct option_spec *const tables[] = { machine_options,
							    common_options,
							    options, NULL };
	int rc;

	common_init(&s->common);
	s->common.cpus = 2;
	s->rounds = 3000;
	s->limit_ns = 2 * NSEC_PER_SEC;
	s->watchdog_ns = 20 * NSEC_PER_SEC;
	rc = options_parse(argc, argv, &help, tables, s, err);
	if (rc)
		return rc;
	if (hyperv_options_list(&s->common.machine.hyperv))
		return 1;
	rc = common_resolve(&s->common, err);
	if (!rc)
		rc = check(s, err);
	if (!rc)
		rc = split_only(s, err);
	if (!rc)
		rc = split_variants(s, err);
	if (!rc)
		rc = split_pin(s, err);
	if (!rc)
		rc = cycles_ab_parse(s->ab_text, &s->features, err);
	if (!rc && s->common.machine.kind == DRIVE_MINI)
		rc = check_features(s, err);
	if (!s->repeat)
		s->repeat = s->ab_text ? PAIRED_MIN_PAIRS : 1;
	return rc;
}

void cycles_options_exit(struct cycles_options *s)
{
	free(s->only_words);
	free(s->variant_words);
	common_exit(&s->common);
}

static json_t *names(const char *const *name, unsigned int nr)
{
	json_t *list = json_array();
	unsigned int i;

	for (i = 0; i < nr; i++)
		json_array_append_new(list, result_string(name[i]));
	return list;
}

json_t *cycles_params(const struct cycles_options *s)
{
	json_t *o = common_params(&s->common), *pins = json_array();
	json_t *features = json_array();
	unsigned int i;

	for (i = 0; i < s->nr_pins; i++)
		json_array_append_new(pins, json_integer(s->pin[i]));
	for (i = 1; i < s->features.nr; i++)
		json_array_append_new(features,
				      result_string(s->features.name[i]));
	/* It has none. */
	json_object_del(o, "workload");
	json_object_set_new(o, "only", names(s->only, s->nr_only));
	json_object_set_new(o, "rounds", json_integer((json_int_t)s->rounds));
	json_object_set_new(o, "limit_ms",
			    result_number((double)s->limit_ns / 1e6));
	json_object_set_new(o, "watchdog_ms",
			    result_number((double)s->watchdog_ns / 1e6));
	json_object_set_new(o, "repeat", json_integer((json_int_t)s->repeat));
	json_object_set_new(o, "pin", pins);
	json_object_set_new(o, "ab", features);
	json_object_set_new(o, "icount", json_boolean(s->icount));
	json_object_set_new(o, "check", json_boolean(s->check));
	json_object_set_new(o, "migrate", json_boolean(s->migrate));
	json_object_set_new(o, "nested", json_boolean(s->nested));
	json_object_set_new(o, "variants", names(s->variant, s->nr_variants));
	return o;
}
