/* SPDX-License-Identifier: MIT */
/* vmferry vfio check: the conformance suite. */
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/noise.h"
#include "tools/common.h"
#include "tools/noise_json.h"
#include "tools/options.h"
#include "tools/tools.h"
#include "tools/vfio_check_report.h"
#include "tools/vfio_commands.h"

#define NAME "vfio check"

struct settings {
	const char *target, *json;
	struct option_list only, skip;
	uint64_t timeout_ns;
	bool yes, hang_risk, strict, list, dry_run;
	struct noise noise; /* since the beginning */
};

#define AT(field) offsetof(struct settings, field)

static const struct option_spec options[] = {
	{ "only", OPTION_LIST, AT(only), "PATTERN",
	  "those checks: a group (arcs), a name, or a shell pattern\n"
	  "(arcs.*-STOP); may be given again",
	  0, 0, NULL },
	{ "skip", OPTION_LIST, AT(skip), "PATTERN", "not those", 0, 0, NULL },
	{ "list", OPTION_FLAG, AT(list), "",
	  "print the checks that there are: name, severity, what it needs,\n"
	  "rule, parted by tabs",
	  0, 0, NULL },
	{ "yes", OPTION_FLAG, AT(yes), "",
	  "do what changes the device's state, resets it, or may break its\n"
	  "server; without, the rest is checked",
	  0, 0, NULL },
	{ "hang-risk", OPTION_FLAG, AT(hang_risk), "",
	  "ask a kernel's device for STOP_COPY -> PRE_COPY: kernels before\n"
	  "mid-2026 loop for ever on it, until the machine is reset",
	  0, 0, NULL },
	{ "timeout", OPTION_TIME, AT(timeout_ns), "TIME",
	  "of each check: a device that has not answered then has failed\n"
	  "(default 10s)",
	  100000000ull, 3600000000000ull, NULL },
	{ "strict", OPTION_FLAG, AT(strict), "",
	  "what differs in the field is a failure, too", 0, 0, NULL },
	{ "json", OPTION_STRING, AT(json), "FILE|-",
	  "write the result there; -: to stdout, TAP to stderr", 0, 0, NULL },
	{ "dry-run", OPTION_FLAG, AT(dry_run), "",
	  "print the resolved configuration and stop", 0, 0, NULL },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry vfio check SOCKET|GROUP [OPTIONS]",
	.text = "Does a device keep the rules of migration? Any device: of a "
		"vfio-user server's\nsocket, or of the kernel (/dev/vfio/N). "
		"TAP on stdout; exit code 1 if a rule of\nseverity must or "
		"should is broken. It takes the device for itself: no guest "
		"may have\nit. docs/vfio-check.md has the list of the checks, "
		"and how to read what they say.",
	.examples = "  vmferry vfio check /tmp/dev.sock\n"
		    "  vmferry vfio check /tmp/dev.sock --yes --json r.json\n"
		    "  vmferry vfio check /dev/vfio/5 --yes --only arcs",
};

/* A pattern, or a group by its name. */
static bool matches(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	return !fnmatch(pattern, name, 0) ||
	       (!strncmp(pattern, name, n) && name[n] == '.');
}

static bool is_wanted(const struct settings *s, size_t index)
{
	const char *name = check_get(index)->name;
	bool in = !s->only.nr;
	unsigned int i;

	for (i = 0; i < s->only.nr; i++)
		in |= matches(s->only.item[i], name);
	for (i = 0; i < s->skip.nr; i++)
		in &= !matches(s->skip.item[i], name);
	return in;
}

static bool list_wanted(void *ctx, size_t index)
{
	return is_wanted(ctx, index);
}

static bool run_wanted(void *ctx, size_t index)
{
	const struct vfio_check_report *t = ctx;

	return is_wanted(t->owner, index);
}

/* Each pattern is one of something. */
static int check_patterns(const struct option_list *list, const char *option,
			  struct error *err)
{
	unsigned int i;
	size_t k;

	for (i = 0; i < list->nr; i++) {
		for (k = 0; k < check_nr(); k++)
			if (matches(list->item[i], check_get(k)->name))
				break;
		if (k == check_nr())
			return error_set(err, -EINVAL,
					 "--%s: no check is called '%s'; "
					 "--list names them",
					 option, list->item[i]);
	}
	return 0;
}

static json_t *list_json(const struct option_list *list)
{
	json_t *a = json_array();
	unsigned int i;

	for (i = 0; i < list->nr; i++)
		json_array_append_new(a, result_string(list->item[i]));
	return a;
}

static json_t *params_json(const struct settings *s)
{
	return json_pack("{s:o, s:o, s:o, s:b, s:b, s:b, s:f}", "target",
			 result_string(s->target), "only", list_json(&s->only),
			 "skip", list_json(&s->skip), "yes", s->yes,
			 "hang_risk", s->hang_risk, "strict", s->strict,
			 "timeout_ms", (double)s->timeout_ns / 1e6);
}

/* Readable as soon as the process is to end. */
static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* /dev/vfio/N:NAME is one device of a group with several. */
static void split_target(struct check_params *p, char *path, size_t bytes)
{
	char *colon;

	if (strncmp(p->target, "/dev/vfio/", 10))
		return;
	snprintf(path, bytes, "%s", p->target);
	p->target = path;
	colon = strchr(path, ':');
	if (!colon)
		return;
	*colon = 0;
	p->sysfs_device = colon + 1;
}

static int exit_code(const struct vfio_check_report *t)
{
	if (t->nr == t->nr_by[CHECK_SKIPPED])
		return EXIT_CANNOT_RUN;
	return vfio_check_green(t) ? EXIT_DONE : EXIT_FAILED;
}

/* The document, whatever came of it. */
static int finish(struct settings *s, struct vfio_check_report *t, int rc,
		  struct error *err)
{
	int code = rc == -ENOTCONN || rc == -EOPNOTSUPP ? EXIT_CANNOT_RUN
		   : rc					? tools_exit_code(rc)
							: exit_code(t);
	struct noise_report noise;

	if (rc) {
		tools_fail(NAME, code, err);
		result_warn(t->result, "%s", err->text);
		result_add_verdict(t->result, code == EXIT_CANNOT_RUN
						      ? RESULT_SKIP
						      : RESULT_ERROR);
	}
	vfio_check_end(t);
	noise_end(&s->noise, &noise);
	noise_to_result(&noise, t->result);
	result_warn_null(t->result, "context.vmm", "no guest runs");
	result_warn_null(t->result, "context.accelerator", "no guest runs");
	if (s->json && result_write(t->result, s->json, err))
		return tools_fail(NAME, EXIT_BROKEN, err);
	return code;
}

static int run(struct settings *s, struct result *result)
{
	struct vfio_check_report t = {
		.out = s->json && !strcmp(s->json, "-") ? stderr : stdout,
		.result = result,
		.strict = s->strict,
		.owner = s,
		.checks = json_array(),
	};
	char path[4096];
	struct check_params p = {
		.target = s->target,
		.destructive = s->yes,
		.hang_risk = s->hang_risk,
		.timeout_ms = s->timeout_ns / 1000000,
		.wanted = run_wanted,
		.report = vfio_check_add,
		.begin = vfio_check_begin,
		.ctx = &t,
		.cancel_fd = catch_signals(),
	};
	struct error err = { "" };
	int rc;

	split_target(&p, path, sizeof(path));
	noise_begin(&s->noise);
	result_set_params(result, params_json(s));
	rc = check_run(&p, &err);
	rc = finish(s, &t, rc, &err);
	if (p.cancel_fd >= 0)
		close(p.cancel_fd);
	return rc;
}

static int resolve(struct settings *s, struct error *err)
{
	int rc = check_patterns(&s->only, "only", err);

	if (!rc)
		rc = check_patterns(&s->skip, "skip", err);
	if (!rc && !s->list && !s->target[0])
		rc = error_set(err, -EINVAL,
			       "what is to be checked? A vfio-user socket or "
			       "/dev/vfio/N, before the options");
	if (!rc)
		rc = common_check_json(s->json, err);
	return rc;
}

static int dry_run(const struct settings *s)
{
	json_t *shown = params_json(s);

	json_dumpf(shown, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(shown);
	return EXIT_DONE;
}

int cmd_vfio_check(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { options, NULL };
	const struct result_params rp = { NAME, VMFERRY_VERSION, argc, argv };
	struct settings s = { .target = "", .timeout_ns = 10000000000ull };
	struct error err = { "" };
	struct result *result;
	int rc, at = 0;

	/* The one operand comes first. */
	if (argc > 1 && argv[1][0] != '-') {
		s.target = argv[1];
		at = 1;
	}
	rc = options_parse(argc - at, argv + at, &help, tables, &s, &err);
	if (rc > 0)
		return EXIT_DONE;
	if (!rc)
		rc = resolve(&s, &err);
	if (rc)
		return tools_fail(NAME, EXIT_USAGE, &err);
	if (s.list) {
		vfio_check_list(stdout, list_wanted, &s);
		return EXIT_DONE;
	}
	if (s.dry_run)
		return dry_run(&s);
	if (result_create(&rp, &result))
		return EXIT_BROKEN;
	rc = run(&s, result);
	result_destroy(result);
	return rc;
}
