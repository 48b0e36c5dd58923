/* SPDX-License-Identifier: MIT */
/* vmferry vfio transfer: a device's state, from device to device. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "tools/common.h"
#include "tools/interrupt.h"
#include "tools/tools.h"
#include "tools/vfio_commands.h"
#include "tools/vfio_transfer_report.h"
#include "vfio/state_file.h"
#include "vfio/transfer.h"

#define NAME "vfio transfer"

struct settings {
	struct common_settings common; /* first */
	const char *from, *to, *save, *load;
	unsigned int protocol, after;
	bool precopy, reset;
	uint64_t chunk, depth, timeout_ns, repeat, warmup;

	struct vfio_client *source, *target;
	struct state_file *file; /* that is loaded */
	uint64_t shown_ns;
};

#define AT(field) offsetof(struct settings, field)

/* In the order of enum vfio_protocol. */
static const char *const protocols[] = { "any", "v2", "v1", NULL };
enum { AFTER_STOP, AFTER_RUN, AFTER_DEFAULT };
static const char *const afters[] = { "stop", "run", NULL };
static const char *const progresses[] = { "auto", "always", "never", NULL };

static const struct option_spec options[] = {
	{ "from", OPTION_STRING, AT(from), "DEVICE",
	  "the source: a vfio-user socket, or /dev/vfio/N (:NAME where the\n"
	  "group has several devices)",
	  0, 0, NULL },
	{ "to", OPTION_STRING, AT(to), "DEVICE", "the target, likewise", 0, 0,
	  NULL },
	{ "save", OPTION_STRING, AT(save), "FILE",
	  "into a file instead of a target", 0, 0, NULL },
	{ "load", OPTION_STRING, AT(load), "FILE",
	  "out of a file instead of a source", 0, 0, NULL },
	{ "protocol", OPTION_CHOICE, AT(protocol), "HOW",
	  "of migration: v2, v1, or any (default): v2 where there is one", 0, 0,
	  protocols },
	{ "precopy", OPTION_ONOFF, AT(precopy), "on|off",
	  "use the PRE_COPY state where the source has it (default on)", 0, 0,
	  NULL },
	{ "chunk", OPTION_SIZE, AT(chunk), "SIZE",
	  "asked for at once, 4K to 1M (default 65520, 64 KiB with what goes\n"
	  "before it: deployed vfio-user peers cut or refuse more)",
	  4096, 1 << 20, NULL },
	{ "depth", OPTION_NUMBER, AT(depth), "N",
	  "pieces asked for and given before the first is answered\n"
	  "(default 4); 1 for a peer that answers out of order",
	  1, 64, NULL },
	{ "after", OPTION_CHOICE, AT(after), "HOW",
	  "the source afterwards: stop (default) or run (default with\n"
	  "--save and --repeat)",
	  0, 0, afters },
	{ "reset", OPTION_FLAG, AT(reset), "",
	  "reset both before: what runs in them is lost", 0, 0, NULL },
	{ "timeout", OPTION_TIME, AT(timeout_ns), "TIME",
	  "a device that is silent for that long hangs (default 10s)", 1000000,
	  3600000000000ull, NULL },
	{ "repeat", OPTION_NUMBER, AT(repeat), "N",
	  "transfers, one after another (default 1)", 1, 100000, NULL },
	{ "warmup", OPTION_NUMBER, AT(warmup), "N",
	  "transfers before those, not counted (default 0)", 0, 100, NULL },
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
	.usage = "vmferry vfio transfer --from DEVICE --to DEVICE [OPTIONS]",
	.text = "Moves the state of a device into another one, or into a file "
		"and out of it, without\na machine, and says how long each "
		"phase took. The target runs afterwards. If either\nreports an "
		"error it is a failure (exit code 1): the source runs again "
		"then, the target\nis reset.",
	.examples = "  vmferry vfio transfer --from /tmp/a.sock --to "
		    "/tmp/b.sock\n"
		    "  vmferry vfio transfer --from /dev/vfio/7 --save "
		    "device.state\n"
		    "  vmferry vfio transfer --load device.state --to "
		    "/tmp/b.sock --json -\n"
		    "  vmferry vfio transfer --from /tmp/a.sock --to "
		    "/tmp/b.sock --protocol v1 --repeat 10",
};

static int resolve(struct settings *s, struct error *err)
{
	if (!s->from == !s->load || !s->to == !s->save)
		return error_set(err, -EINVAL,
				 "one of --from and --load is wanted, and one "
				 "of --to and --save");
	if (s->load && s->save)
		return error_set(err, -EINVAL,
				 "--load and --save: that is a copy of a file, "
				 "no device is in it");
	if (s->from && s->to && !strcmp(s->from, s->to))
		return error_set(err, -EINVAL,
				 "--from and --to name the same device");
	if (s->load && s->after != AFTER_DEFAULT)
		return error_set(err, -EINVAL,
				 "--after is about a source; --load has none");
	if (s->after == AFTER_STOP && s->warmup + s->repeat > 1)
		return error_set(err, -EINVAL,
				 "a source that stays stopped cannot be "
				 "repeated: --after run");
	if (s->after == AFTER_DEFAULT)
		s->after = s->save || s->warmup + s->repeat > 1 ? AFTER_RUN
								: AFTER_STOP;
	return common_check_json(s->common.json, err);
}

static json_t *params(const struct settings *s)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:s, s:b, s:I, s:I, s:s, s:b, "
		"s:f, s:I, s:I}",
		"from", result_string(s->from), "to", result_string(s->to),
		"load", result_string(s->load), "save", result_string(s->save),
		"protocol", protocols[s->protocol], "precopy", s->precopy,
		"chunk_bytes", (json_int_t)s->chunk, "depth",
		(json_int_t)s->depth, "after", afters[s->after], "reset",
		s->reset, "timeout_ms", (double)s->timeout_ns / 1e6, "repeat",
		(json_int_t)s->repeat, "warmup", (json_int_t)s->warmup);
}

/* ---- devices ------------------------------------------------------------- */

static int open_device(const struct settings *s, const char *target,
		       struct vfio_client **ret, struct error *err)
{
	char path[4096];
	struct vfio_client_params p = {
		.target = target,
		.protocol = (enum vfio_protocol)s->protocol,
		.timeout_ms = (unsigned int)(s->timeout_ns / NSEC_PER_MSEC),
		.room = s->chunk,
		.cancel_fd = -1,
	};
	char *colon;
	int rc;

	snprintf(path, sizeof(path), "%s", target);
	if (!strncmp(target, "/dev/vfio/", 10)) {
		colon = strchr(path, ':');
		if (colon) {
			*colon = 0;
			p.sysfs_device = colon + 1;
		}
		p.target = path;
	}
	rc = vfio_client_open(&p, ret, err);
	if (!rc && s->reset && transfer_reset(*ret))
		rc = error_set(err, -EIO, "%s", vfio_client_why(*ret));
	return rc;
}

static int open_all(struct settings *s, struct error *err)
{
	int rc = 0;

	if (s->load)
		rc = state_file_open(s->load, &s->file, err);
	if (!rc && s->from)
		rc = open_device(s, s->from, &s->source, err);
	if (!rc && s->to)
		rc = open_device(s, s->to, &s->target, err);
	/* What is wrong with what was named. */
	return rc == -EOPNOTSUPP || rc == -ENOMEM || !rc ? rc : -EINVAL;
}

static void close_all(struct settings *s)
{
	vfio_client_close(s->source);
	vfio_client_close(s->target);
	state_file_close(s->file);
}

static uint32_t pci_ids(struct vfio_client *c)
{
	uint32_t ids;

	return vfio_client_read(c, VFIO_PCI_CONFIG_REGION_INDEX, 0, &ids,
				sizeof(ids))
		       ? 0
		       : ids;
}

/* ---- transfers ----------------------------------------------------------- */

static void progress(void *ctx, uint64_t bytes)
{
	struct settings *s = ctx;
	char text[UNITS_TEXT_BYTES];
	uint64_t now;

	if (!common_shows_progress(&s->common))
		return;
	now = clock_now_ns();
	if (now - s->shown_ns < 100 * NSEC_PER_MSEC)
		return;
	s->shown_ns = now;
	fprintf(stderr, "\r\033[K%s moved", units_format_size(text, bytes));
}

static int move(struct settings *s, struct transfer_stats *stats,
		struct error *err)
{
	struct transfer t = {
		.from = s->source,
		.to = s->target,
		.load = s->file,
		.precopy = s->precopy,
		.depth = (unsigned int)s->depth,
		.source_runs = s->after == AFTER_RUN,
		.pending = interrupt_pending,
		.progress = progress,
		.progress_ctx = s,
	};
	int rc = 0;

	if (s->save)
		rc = state_file_create(s->save, pci_ids(s->source), &t.save,
				       err);
	if (!rc)
		rc = transfer_run(&t, stats, err);
	state_file_close(t.save);
	return rc;
}

static int measure(struct settings *s, struct result *result, struct error *err)
{
	uint64_t n;
	int rc = 0;

	for (n = 0; !rc && n < s->warmup + s->repeat; n++) {
		struct transfer_stats stats;
		bool warmup = n < s->warmup;

		if (interrupt_pending())
			break;
		rc = move(s, &stats, err);
		if (rc == -ECANCELED || rc == -EOPNOTSUPP)
			return rc;
		result_add_sample(
			result,
			vfio_transfer_sample(
				&stats, s->source, s->target,
				(unsigned int)(warmup ? n : n - s->warmup) + 1,
				rc ? err->text : NULL),
			warmup);
		result_add_verdict(result, rc ? RESULT_FAIL : RESULT_PASS);
	}
	if (rc) {
		common_clear_progress(&s->common);
		fprintf(stderr, "vmferry " NAME ": %s\n", err->text);
		result_warn(result, "%s", err->text);
	}
	return 0;
}

static int run(struct settings *s, int argc, char **argv)
{
	const struct result_params rp = { "vfio-transfer", VMFERRY_VERSION,
					  argc, argv };
	struct error err = { "" };
	struct result *result;
	int rc = result_create(&rp, &result), code;

	if (rc)
		return EXIT_BROKEN;
	result_set_params(result, params(s));
	rc = interrupt_catch();
	if (!rc)
		rc = open_all(s, &err);
	if (!rc)
		rc = measure(s, result, &err);
	vfio_transfer_finish(result,
			     s->common.json ? common_out(&s->common) : stdout);
	code = common_finish(NAME, &s->common, result, rc, &err);
	close_all(s);
	result_destroy(result);
	return code;
}

int cmd_vfio_transfer(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { options, NULL };
	struct settings *s = calloc(1, sizeof(*s));
	struct error err = { "" };
	json_t *shown;
	int rc, code;

	if (!s)
		return EXIT_BROKEN;
	common_init(&s->common);
	s->precopy = true;
	s->after = AFTER_DEFAULT;
	s->chunk = VFIO_CLIENT_ROOM;
	s->depth = 4;
	s->timeout_ns = 10 * NSEC_PER_SEC;
	s->repeat = 1;
	rc = options_parse(argc, argv, &help, tables, s, &err);
	if (!rc)
		rc = resolve(s, &err);
	if (rc > 0) {
		code = EXIT_DONE;
	} else if (rc) {
		code = tools_fail(NAME, EXIT_USAGE, &err);
	} else if (s->common.dry_run) {
		shown = params(s);
		json_dumpf(shown, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(shown);
		code = EXIT_DONE;
	} else {
		code = run(s, argc, argv);
	}
	common_exit(&s->common);
	free(s);
	return code;
}
