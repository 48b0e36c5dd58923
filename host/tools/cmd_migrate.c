/* SPDX-License-Identifier: MIT */
/* vmferry migrate: migrate a running guest and verify it. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "drive/rundir.h"
#include "report/stats.h"
#include "tools/common.h"
#include "tools/interrupt.h"
#include "tools/sample_json.h"
#include "tools/tools.h"

struct settings {
	struct common_settings common; /* first */
	unsigned int transport;
	uint64_t max_bandwidth, downtime_ns, before_ns, after_ns, timeout_ns;
	uint64_t repeat, seed;
	const char *verify_text, *sabotage_text, *fault_text;
	const char *qemu_source, *qemu_target;
	struct option_list capabilities, parameters;
};

static const char *const transports[] = { "unix", "tcp", NULL };

#define AT(field) offsetof(struct settings, field)

static const struct option_spec options[] = {
	{ "transport", OPTION_CHOICE, AT(transport), "KIND",
	  "socket between the two: unix (default) or tcp", 0, 0, transports },
	{ "max-bandwidth", OPTION_RATE, AT(max_bandwidth), "RATE",
	  "limit before the stop, bytes/s; 0 = none (default)", 0, 0, NULL },
	{ "downtime-limit", OPTION_TIME, AT(downtime_ns), "TIME",
	  "stop when the rest fits in that (default 300ms)", 0,
	  2000 * NSEC_PER_SEC, NULL },
	{ "before", OPTION_TIME, AT(before_ns), "TIME",
	  "workload before the migration (default 1s)", 0, 0, NULL },
	{ "after", OPTION_TIME, AT(after_ns), "TIME",
	  "workload after it (default 1s)", 0, 0, NULL },
	{ "timeout", OPTION_TIME, AT(timeout_ns), "TIME",
	  "cancel a migration that takes longer (default 2m)", NSEC_PER_MSEC, 0,
	  NULL },
	{ "verify", OPTION_STRING, AT(verify_text), "LIST",
	  "switchover, inline, after (default inline,after)", 0, 0, NULL },
	{ "sabotage", OPTION_STRING, AT(sabotage_text), "KIND[:COUNT]",
	  "damage pages on purpose: skip-dirty, flip, zero,", 0, 0, NULL },
	{ "fault", OPTION_STRING, AT(fault_text), "kill-target@PHASE",
	  "setup, round:N, final-ram, state, ready, committed", 0, 0, NULL },
	{ "qemu-source", OPTION_STRING, AT(qemu_source), "PATH",
	  "another QEMU for the source", 0, 0, NULL },
	{ "qemu-target", OPTION_STRING, AT(qemu_target), "PATH",
	  "another QEMU for the target", 0, 0, NULL },
	{ "qemu-capability", OPTION_LIST, AT(capabilities), "NAME=on|off",
	  "a migration capability of QEMU's, on both sides", 0, 0, NULL },
	{ "qemu-parameter", OPTION_LIST, AT(parameters), "NAME=VALUE",
	  "a migration parameter of QEMU's, on both sides", 0, 0, NULL },
	{ "seed", OPTION_NUMBER, AT(seed), "N",
	  "of the sabotage; repetition i takes N + i (default 1)", 0,
	  1ull << 62, NULL },
	{ "repeat", OPTION_NUMBER, AT(repeat), "N",
	  "repetitions, each with fresh machines (default 1)", 1, 1000000,
	  NULL },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry migrate [OPTIONS]",
	.text = "Boots the guest, runs its workload, migrates it live to a "
		"second machine on this\nhost, and verifies every byte. The "
		"workload's words: pattern=sequential|random\n"
		"write=stamp|page content=zero|random|r:N rate=RATE (bytes/s, "
		"Np pages/s, 0 = as\nfast as possible) wss=SIZE seed=N "
		"check=on|off. --sabotage also knows misplace,\ntear and "
		"stale: the verifier must find exactly the damaged pages.",
	.examples =
		"  vmferry migrate --ram 1G --cpus 2 --workload "
		"pattern=random,rate=100M,wss=512M\n"
		"  vmferry migrate --ram 1G --workload rate=200M --repeat 20 "
		"--json result.json\n"
		"  vmferry migrate --sabotage flip:3 --verify "
		"switchover,after\n"
		"  vmferry migrate --workload rate=50M --fault "
		"kill-target@round:2",
};

static int parse_verify(const char *text, unsigned int *ret_verify,
			struct error *err)
{
	static const char *const names[] = { "switchover", "inline", "after",
					     NULL };
	unsigned int verify = 0;
	char word[16];
	size_t len;
	int index;

	for (;; text += len + 1) {
		len = strcspn(text, ",");
		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		index = len < sizeof(word) ? options_choice(names, word) : -1;
		if (index < 0)
			return error_set(err, -EINVAL,
					 "--verify takes switchover, inline "
					 "and after, joined by commas, not "
					 "'%.*s'",
					 (int)len, text);
		verify |= 1u << index;
		if (!text[len])
			break;
	}
	*ret_verify = verify;
	return 0;
}

static int parse_fault(const char *text, const char **ret_phase,
		       struct error *err)
{
	static const char *const phases[] = { "setup", "final-ram", "state",
					      "ready", "committed", NULL };
	const char *at = strchr(text, '@'), *phase = at ? at + 1 : "";
	uint64_t round;

	if (strncmp(text, "kill-target@", 12) ||
	    (options_choice(phases, phase) < 0 &&
	     (strncmp(phase, "round:", 6) ||
	      units_parse_u64(phase + 6, 1, 1000000, &round))))
		return error_set(err, -EINVAL,
				 "--fault takes kill-target@PHASE with PHASE "
				 "one of setup, round:N, final-ram, state, "
				 "ready, committed, not '%s'",
				 text);
	*ret_phase = phase;
	return 0;
}

static int split_pair(const char *option, const char *text, char *name,
		      size_t room, const char **ret_value, struct error *err)
{
	size_t len = strcspn(text, "=");

	if (!text[len] || !len || len >= room)
		return error_set(err, -EINVAL,
				 "--%s takes NAME=VALUE, not "
				 "'%s'",
				 option, text);
	memcpy(name, text, len);
	name[len] = '\0';
	*ret_value = text + len + 1;
	return 0;
}

static int parse_capabilities(const struct option_list *list, json_t *ret,
			      struct error *err)
{
	const char *value;
	unsigned int i;
	char name[64];
	int rc;

	for (i = 0; i < list->nr; i++) {
		rc = split_pair("qemu-capability", list->item[i], name,
				sizeof(name), &value, err);
		if (rc)
			return rc;
		if (strcmp(value, "on") && strcmp(value, "off"))
			return error_set(err, -EINVAL,
					 "--qemu-capability %s is on or off, "
					 "not '%s'",
					 name, value);
		json_object_set_new(ret, name,
				    json_boolean(!strcmp(value, "on")));
	}
	return 0;
}

/* on, off, a whole number, or a word. */
static json_t *parameter_value(const char *text)
{
	uint64_t number;

	if (!strcmp(text, "on") || !strcmp(text, "off"))
		return json_boolean(!strcmp(text, "on"));
	if (!units_parse_u64(text, 0, INT64_MAX, &number))
		return json_integer((json_int_t)number);
	return result_string(text);
}

static int parse_parameters(const struct option_list *list, json_t *ret,
			    struct error *err)
{
	const char *value;
	unsigned int i;
	char name[64];
	int rc;

	for (i = 0; i < list->nr; i++) {
		rc = split_pair("qemu-parameter", list->item[i], name,
				sizeof(name), &value, err);
		if (rc)
			return rc;
		json_object_set_new(ret, name, parameter_value(value));
	}
	return 0;
}

static bool names_qemu(const struct settings *s)
{
	return s->qemu_source || s->qemu_target || s->capabilities.nr ||
	       s->parameters.nr;
}

static int resolve_qemu(const struct settings *s, struct run_settings *run,
			struct error *err)
{
	bool skip = run->sabotage.count &&
		    run->sabotage.kind == SABOTAGE_SKIP_DIRTY;
	int rc;

	if (run->kind != DRIVE_QEMU && names_qemu(s))
		return error_set(err, -EINVAL,
				 "the --qemu-... options are for "
				 "--vmm qemu");
	if (run->kind == DRIVE_QEMU && (skip || run->fault))
		return error_set(err, -EINVAL,
				 "--sabotage skip-dirty and --fault are for "
				 "--vmm mini: QEMU's engine cannot be asked");
	run->qemu_source = s->qemu_source;
	run->qemu_target = s->qemu_target;
	run->capabilities = json_object();
	run->parameters = json_object();
	rc = parse_capabilities(&s->capabilities, run->capabilities, err);
	if (!rc)
		rc = parse_parameters(&s->parameters, run->parameters, err);
	return rc;
}

static int resolve(struct settings *s, struct run_settings *run,
		   struct error *err)
{
	int rc = common_resolve(&s->common, err);

	if (rc)
		return rc;
	*run = (struct run_settings){
		.kind = s->common.machine.kind,
		.qemu = s->common.machine.qemu,
		.ram_bytes = s->common.ram_bytes,
		.nr_vcpus = (unsigned int)s->common.cpus,
		.backing = common_backing_name(&s->common),
		.kernel = s->common.kernel,
		.image = s->common.image,
		.image_bytes = s->common.image_bytes,
		.transport = transports[s->transport],
		.max_bandwidth_bytes_per_s = s->max_bandwidth,
		.downtime_limit_ns = s->downtime_ns,
		.warmup_ns = s->before_ns,
		.after_ns = s->after_ns,
		.timeout_ns = s->timeout_ns,
		.progress = common_show_progress,
		.progress_ctx = s,
	};
	if (s->downtime_ns % NSEC_PER_MSEC)
		return error_set(err, -EINVAL,
				 "--downtime-limit is a whole number of "
				 "milliseconds");
	rc = parse_verify(s->verify_text, &run->verify, err);
	if (!rc && s->sabotage_text)
		rc = sabotage_parse(s->sabotage_text, &run->sabotage, err);
	if (!rc && s->fault_text)
		rc = parse_fault(s->fault_text, &run->fault, err);
	if (!rc)
		rc = resolve_qemu(s, run, err);
	/* Without inline nobody checks before overwriting. */
	if (!(run->verify & RUN_VERIFY_INLINE))
		s->common.workload.check = false;
	run->workload = s->common.workload;
	return rc;
}

static json_t *params(const struct settings *s, const struct run_settings *run)
{
	json_t *o = common_params(&s->common);

	json_object_set_new(o, "transport", json_string(run->transport));
	json_object_set_new(
		o, "max_bandwidth_bytes_per_s",
		json_integer((json_int_t)run->max_bandwidth_bytes_per_s));
	json_object_set_new(o, "downtime_limit_ms",
			    json_real((double)run->downtime_limit_ns / 1e6));
	json_object_set_new(o, "before_ms",
			    json_real((double)run->warmup_ns / 1e6));
	json_object_set_new(o, "after_ms",
			    json_real((double)run->after_ns / 1e6));
	json_object_set_new(o, "timeout_ms",
			    json_real((double)run->timeout_ns / 1e6));
	json_object_set_new(o, "verify", json_string(s->verify_text));
	json_object_set_new(o, "sabotage",
			    s->sabotage_text ? json_string(s->sabotage_text)
					     : json_null());
	json_object_set_new(o, "fault",
			    s->fault_text ? json_string(s->fault_text)
					  : json_null());
	json_object_set(o, "qemu_capabilities", run->capabilities);
	json_object_set(o, "qemu_parameters", run->parameters);
	json_object_set_new(o, "seed", json_integer((json_int_t)s->seed));
	json_object_set_new(o, "repeat", json_integer((json_int_t)s->repeat));
	return o;
}

/* Damage that was done must be found: right pages, right names, no others. */
static enum result_verdict judge_sabotage(const struct run_settings *run,
					  const struct run_sample *s,
					  struct result *result)
{
	if (s->damage.pages.nr < run->sabotage.count)
		result_warn(result,
			    "only %zu of %" PRIu64 " pages qualified for the "
			    "sabotage: let the workload rewrite more, longer",
			    s->damage.pages.nr, run->sabotage.count);
	if (!s->score.missed.nr && !s->score.wrong_class.nr &&
	    !s->score.invented.nr)
		return RESULT_FAIL;
	result_warn(result, "the verifier did not tell the sabotage rightly: "
			    "do not trust it");
	return RESULT_ERROR;
}

static enum result_verdict judge(const struct run_settings *run,
				 const struct run_sample *s,
				 struct result *result)
{
	if (s->completed && run->sabotage.count)
		return judge_sabotage(run, s, result);
	return run_sample_clean(s) ? RESULT_PASS : RESULT_FAIL;
}

static void on_child(void *ctx, unsigned int slot, pid_t pid)
{
	interrupt_child(slot, pid);
}

static const char *time_or_dash(char *text, double ms)
{
	return isnan(ms) ? "-" : units_format_time(text, ms * 1e6);
}

static void print_short(uint64_t index, const struct run_sample *s,
			enum result_verdict verdict, FILE *f)
{
	char a[UNITS_TEXT_BYTES], b[UNITS_TEXT_BYTES], c[UNITS_TEXT_BYTES];

	fprintf(f,
		"%4" PRIu64 "  %s  total %s  downtime %s  blackout %s  %zu "
		"bad\n",
		index + 1, result_verdict_name(verdict),
		time_or_dash(a, s->total_ms), time_or_dash(b, s->downtime_ms),
		time_or_dash(c, s->blackout_ms), s->integrity.findings.nr);
}

static int one(struct settings *s, struct run_settings *run, uint64_t index,
	       struct result *result, struct error *err)
{
	struct run_sample sample;
	enum result_verdict verdict;
	FILE *f = common_out(&s->common);
	int rc;

	run_sample_init(&sample);
	run->sabotage.seed = s->seed + index;
	rc = run_migrate(run, &sample, err);
	if (!rc && !interrupt_pending()) {
		common_clear_progress(&s->common);
		verdict = judge(run, &sample, result);
		result_add_verdict(result, verdict);
		result_add_sample(result, sample_json(run, &sample, result),
				  false);
		if (s->repeat > 1)
			print_short(index, &sample, verdict, f);
		else
			sample_print(run, &sample, f);
	}
	run_sample_exit(&sample);
	return rc;
}

static int run_all(struct settings *s, struct run_settings *run,
		   struct result *result, struct error *err)
{
	char dir[RUNDIR_BYTES], kernel[PATH_MAX];
	uint64_t i;
	int rc = rundir_create(dir, err);

	if (rc)
		return rc;
	rc = common_kernel(&s->common, dir, kernel, &run->kernel, err);
	run->dir = dir;
	run->child = on_child;
	for (i = 0; !rc && i < s->repeat && !interrupt_pending(); i++)
		rc = one(s, run, i, result, err);
	rundir_remove(dir);
	return rc;
}

static int measure(struct settings *s, struct run_settings *run, int argc,
		   char **argv)
{
	const struct result_params rp = {
		.command = "migrate",
		.version = VMFERRY_VERSION,
		.argc = argc,
		.argv = argv,
	};
	struct error err = { "" };
	struct result *result;
	int rc = result_create(&rp, &result), code;

	if (rc)
		return EXIT_BROKEN;
	result_set_params(result, params(s, run));
	common_context(&s->common, result);
	result_summarize(result, sample_figures, sample_nr_figures);
	rc = interrupt_catch();
	if (!rc)
		rc = run_all(s, run, result, &err);
	code = common_finish("migrate", &s->common, result, rc, &err);
	if (code == EXIT_DONE || code == EXIT_FAILED || code == EXIT_BROKEN)
		fprintf(common_out(&s->common), "Verdict: %s\n",
			result_verdict_name(result_verdict(result)));
	result_destroy(result);
	return code;
}

int cmd_migrate(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { machine_options,
							    common_options,
							    options, NULL };
	struct settings s = {
		.downtime_ns = 300 * NSEC_PER_MSEC,
		.before_ns = NSEC_PER_SEC,
		.after_ns = NSEC_PER_SEC,
		.timeout_ns = 120 * NSEC_PER_SEC,
		.verify_text = "inline,after",
		.repeat = 1,
		.seed = 1,
	};
	struct error err = { "" };
	struct run_settings run = { .dir = NULL };
	json_t *shown;
	int rc, code;

	common_init(&s.common);
	rc = options_parse(argc, argv, &help, tables, &s, &err);
	if (rc > 0)
		return EXIT_DONE;
	if (!rc)
		rc = resolve(&s, &run, &err);
	if (rc) {
		code = tools_fail("migrate", EXIT_USAGE, &err);
	} else if (s.common.dry_run) {
		shown = params(&s, &run);
		json_dumpf(shown, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(shown);
		code = EXIT_DONE;
	} else {
		code = measure(&s, &run, argc, argv);
	}
	json_decref(run.capabilities);
	json_decref(run.parameters);
	common_exit(&s.common);
	return code;
}
