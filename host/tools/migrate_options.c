/* SPDX-License-Identifier: MIT */
/* The options of `vmferry migrate`, and the run that they ask for. */
#include "tools/migrate_options.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "migrate/channel.h"
#include "tools/handover_options.h"
#include "tools/migrate_parse.h"

#define AT(field) offsetof(struct migrate_settings, field)
#define AT_VFIO(field) AT(vfio.field)

static const char *const transports[] = { "auto", "unix",  "tcp",
					  "file", "memfd", NULL };

static const char *const commits[] = { "once", "each", "prepared", NULL };

const struct option_spec migrate_options[] = {
	{ "transport", OPTION_CHOICE, AT(transport), "KIND",
	  "between the two: unix or tcp, a socket; auto (unix, but for\n"
	  "QEMU tcp with --relay off); file: the source writes a\n"
	  "snapshot, then the target loads it; memfd: RAM is handed\n"
	  "over by descriptor, only the state travels",
	  0, 0, transports },
	VFIO_OPTIONS(AT_VFIO),
	{ "snapshot", OPTION_STRING, AT(snapshot), "FILE",
	  "keep that snapshot, for boot --load; an older one is replaced,\n"
	  "another file is not",
	  0, 0, NULL },
	{ "channels", OPTION_NUMBER, AT(channels), "N",
	  "connections that carry pages, 1 to 16 (default 1)", 1, 16, NULL },
	{ "commit", OPTION_CHOICE, AT(commit), "HOW",
	  "of the memory map while the target's devices are loaded (mini\n"
	  "VMM): once (default), each change, or prepared before the stop",
	  0, 0, commits },
	{ "max-bandwidth", OPTION_RATE, AT(max_bandwidth), "RATE",
	  "limit before the stop, bytes/s; 0 = none (default)", 0, 0, NULL },
	{ "downtime-limit", OPTION_TIME, AT(downtime_ns), "TIME",
	  "stop when the rest fits in that (default 300ms)", 0,
	  2000 * NSEC_PER_SEC, NULL },
	{ "before", OPTION_TIME, AT(before_ns), "TIME",
	  "workload before the migration (default 1s)", 0, 0, NULL },
	{ "idle", OPTION_FLAG, AT(idle), "",
	  "stop the workload before the migration: a guest at rest", 0, 0,
	  NULL },
	{ "predict", OPTION_FLAG, AT(predict), "",
	  "first watch the guest for a second and predict rounds,\n"
	  "total and downtime with each codec; score it afterwards",
	  0, 0, NULL },
	{ "after", OPTION_TIME, AT(after_ns), "TIME",
	  "workload after it (default 1s)", 0, 0, NULL },
	{ "timeout", OPTION_TIME, AT(timeout_ns), "TIME",
	  "cancel a migration that takes longer (default 2m)", NSEC_PER_MSEC, 0,
	  NULL },
	{ "verify", OPTION_STRING, AT(verify_text), "LIST",
	  "when to check, joined by commas (default inline,after):\n"
	  "switchover (before the target runs), inline (by the guest,\n"
	  "at work), after (all memory, at the end)",
	  0, 0, NULL },
	{ "sabotage", OPTION_STRING, AT(sabotage_text), "KIND[:COUNT]",
	  "damage COUNT pages (default 1) on purpose:\n"
	  "skip-dirty (forget to send a write), skip-dma-dirty (one of\n"
	  "a DMA engine's), stale, flip, zero, misplace, tear; the\n"
	  "verifier must find these and no others; or drop-nested-state\n"
	  "(needs l2 in the workload)",
	  0, 0, NULL },
	{ "heartbeat", OPTION_TIME, AT(heartbeat_ns), "TIME",
	  "the guest logs its clocks that often, e.g. 100ms: did they\n"
	  "keep time?",
	  10 * NSEC_PER_MSEC, 60 * NSEC_PER_SEC, NULL },
	{ "tsc-shift", OPTION_TIME, AT(tsc_shift_ns), "TIME",
	  "move the guest's TSC ahead after the migration on purpose;\n"
	  "--heartbeat must report it",
	  NSEC_PER_MSEC, 3600 * NSEC_PER_SEC, NULL },
	{ "fault", OPTION_STRING, AT(fault_text), "kill-target@PHASE",
	  "kill the target in that phase: setup, round:N, final-ram,\n"
	  "state, ready, committed",
	  0, 0, NULL },
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
	{ "hops", OPTION_NUMBER, AT(hops), "N",
	  "to and fro: each target is the source of the next", 1, 1000000,
	  NULL },
	{ "for", OPTION_TIME, AT(for_ns), "TIME",
	  "soak: repeat for that long, stop at the first failure", 0,
	  8760ull * 3600 * NSEC_PER_SEC, NULL },
	{ "ab", OPTION_STRING, AT(ab), "'OPTIONS'",
	  "compare with a variant B that has OPTIONS on top, in turn", 0, 0,
	  NULL },
	{ "bundle", OPTION_STRING, AT(bundle), "DIR",
	  "a new directory for all about the first failure", 0, 0, NULL },
	{ .name = NULL },
};

#define ATTACH(field) AT(attach.field)

const struct option_spec attach_options[] = {
	{ "source-qmp", OPTION_STRING, ATTACH(source_qmp), "WHERE",
	  "attach to a machine that runs already, instead of starting\n"
	  "one: its QMP at unix:PATH, tcp:HOST:PORT, or a path",
	  0, 0, NULL },
	{ "target-qmp", OPTION_STRING, ATTACH(target_qmp), "WHERE",
	  "and to the one that waits for it (-incoming defer)", 0, 0, NULL },
	{ "source-console", OPTION_STRING, ATTACH(source_console), "WHERE",
	  "the guest's COM1 there: a socket likewise, or a terminal;\n"
	  "needed to start a --workload",
	  0, 0, NULL },
	{ "target-console", OPTION_STRING, ATTACH(target_console), "WHERE",
	  "and at the target: to verify where memory cannot be seen", 0, 0,
	  NULL },
	{ "uri", OPTION_STRING, ATTACH(uri), "ADDRESS",
	  "where the target listens and the source connects:\n"
	  "tcp:HOST:PORT or unix:PATH (default: a socket of ours)",
	  0, 0, NULL },
	{ .name = NULL },
};

static const char default_verify[] = "inline,after";

void migrate_defaults(struct migrate_settings *s)
{
	*s = (struct migrate_settings){
		.downtime_ns = 300 * NSEC_PER_MSEC,
		.before_ns = NSEC_PER_SEC,
		.after_ns = NSEC_PER_SEC,
		.timeout_ns = 120 * NSEC_PER_SEC,
		.verify_text = default_verify,
		.seed = 1,
		.hops = 1,
		.channels = 1,
	};
	migrate_compress_defaults(&s->compress);
	common_init(&s->common);
}

/* Not known yet: the guest itself refuses what does not fit. */
#define ATTACH_RAM_BYTES (1ull << 40)

static bool names_qemu(const struct migrate_settings *s)
{
	return s->qemu_source || s->qemu_target || s->capabilities.nr ||
	       s->parameters.nr;
}

static int resolve_qemu(const struct migrate_settings *s,
			struct run_settings *run, struct error *err)
{
	bool skip =
		run->sabotage.count && sabotage_is_inside(run->sabotage.kind);
	int rc;

	if (run->kind != DRIVE_QEMU && names_qemu(s) && !run->attach.source_qmp)
		return error_set(err, -EINVAL,
				 "the --qemu-... options are for "
				 "--vmm qemu");
	if (run->kind == DRIVE_QEMU && (skip || run->fault))
		return error_set(
			err, -EINVAL,
			"--sabotage skip-dirty or drop-nested-state "
			"and --fault are for --vmm mini: QEMU's engine "
			"cannot be asked");
	if (run->sabotage.count && run->sabotage.kind == SABOTAGE_DROP_NESTED &&
	    !workload_l2_mode(&s->common.workload))
		return error_set(err, -EINVAL,
				 "--sabotage drop-nested-state needs a nested "
				 "guest: --workload l2=dirty");
	run->qemu_source = s->qemu_source;
	run->qemu_target = s->qemu_target;
	run->capabilities = json_object();
	run->parameters = json_object();
	rc = migrate_parse_capabilities(&s->capabilities, run->capabilities,
					err);
	if (!rc)
		rc = migrate_parse_parameters(&s->parameters, run->parameters,
					      err);
	return rc;
}

/* A file is written by one and read by the next, when it is whole. */
static int resolve_file(const struct migrate_settings *s,
			const struct run_settings *run, struct error *err)
{
	bool file = !strcmp(run->transport, "file");

	if (s->snapshot && (!file || !*s->snapshot))
		return error_set(err, -EINVAL,
				 "--snapshot FILE goes with --transport file");
	if (s->snapshot && channel_may_replace(s->snapshot) == -EEXIST)
		return error_set(err, -EINVAL,
				 "--snapshot %s: it is there, and not a "
				 "snapshot of vmferry's; remove it first",
				 s->snapshot);
	if (!file)
		return 0;
	if (run->kind == DRIVE_QEMU)
		return error_set(err, -EINVAL,
				 "--transport file is for --vmm mini");
	if (run->nr_channels > 1 || s->fault_text)
		return error_set(err, -EINVAL,
				 "--channels and --fault are for sockets, not "
				 "for --transport file");
	return 0;
}

/* Inline is the workload's own check before it overwrites: one of the two
 * words settles the other. */
static int agree_on_inline(struct migrate_settings *s, struct run_settings *run,
			   struct error *err)
{
	if (!(run->verify & RUN_VERIFY_INLINE)) {
		s->common.workload.check = false;
		return 0;
	}
	if (s->common.workload.check)
		return 0;
	if (s->verify_text != default_verify)
		return error_set(err, -EINVAL,
				 "--verify inline and workload check=off "
				 "contradict each other");
	run->verify &= ~(unsigned int)RUN_VERIFY_INLINE;
	s->verify_text = "after";
	return 0;
}

static bool by_handover(const struct migrate_settings *s)
{
	return !strcmp(transports[s->transport], "memfd");
}

/* One request of QEMU's is a page; multifd's stream runs on over pages, about
 * as if they were one. */
static int resolve_predict(struct migrate_settings *s, struct run_settings *run,
			   struct error *err)
{
	bool qemu = run->kind == DRIVE_QEMU;
	const struct drive_compress *c = &run->compress;

	if (!s->predict)
		return 0;
	if (!strcmp(run->transport, "memfd") || !strcmp(run->transport, "file"))
		return error_set(err, -EINVAL,
				 "--predict is of a migration over a socket, "
				 "not of --transport %s",
				 run->transport);
	s->meter = (struct predict_meter_ctx){
		.qemu = qemu,
		.codec = c->codec,
		.level = c->level,
		.batch_pages = !qemu && c->codec	  ? c->batch_pages
			       : qemu && s->channels == 1 ? 1
							  : PREDICT_RUN_PAGES,
	};
	run->predict =
		(struct predict_meter){ predict_meter_measure, &s->meter };
	return 0;
}

/* Of a UNIX socket the kernel counts no bytes. */
static const char *transport(const struct migrate_settings *s,
			     const struct run_settings *run)
{
	if (s->transport)
		return transports[s->transport];
	if (send_wants_tcp(&s->send))
		return "tcp";
	return run->kind == DRIVE_QEMU && !run->relay ? "tcp" : "unix";
}

static int check_clocks(const struct migrate_settings *s, struct error *err)
{
	if (s->heartbeat_ns % NSEC_PER_MSEC || s->tsc_shift_ns % NSEC_PER_MSEC)
		return error_set(err, -EINVAL,
				 "--heartbeat and --tsc-shift are whole "
				 "numbers of milliseconds");
	if (s->tsc_shift_ns && !s->heartbeat_ns)
		return error_set(err, -EINVAL,
				 "--tsc-shift needs --heartbeat: nothing else "
				 "would report it");
	return 0;
}

int migrate_resolve(struct migrate_settings *s, struct run_settings *run,
		    struct error *err)
{
	struct run_attach attach = { .source_qmp = NULL };
	int rc;

	rc = handover_choose_backing(&s->common, by_handover(s), err);
	if (!rc)
		rc = vfio_choose_backing(&s->vfio, &s->common, err);
	if (rc)
		return rc;
	/* Which of the two it is settles what the others may say. */
	rc = attach_resolve(&s->attach, s->argc, s->argv,
			    s->common.workload_text != NULL, &attach, err);
	if (rc)
		return rc;
	if (attach.source_qmp)
		s->common.ram_bytes = ATTACH_RAM_BYTES;
	s->common.attached = s->common.machine.unknown = attach.source_qmp;
	rc = common_resolve(&s->common, err);
	if (rc)
		return rc;
	*run = (struct run_settings){
		.attach = attach,
		.kind = s->common.machine.kind,
		.qemu = s->common.machine.qemu,
		.devices = s->common.machine.devices,
		.hyperv = s->common.machine.hyperv,
		.ram_bytes = s->common.ram_bytes,
		.nr_vcpus = (unsigned int)s->common.cpus,
		.memory = s->common.memory.memory,
		.kernel = s->common.kernel,
		.image = s->common.image,
		.image_bytes = s->common.image_bytes,
		.snapshot = s->snapshot,
		.nr_channels = (unsigned int)s->channels,
		.max_bandwidth_bytes_per_s = s->max_bandwidth,
		.downtime_limit_ns = s->downtime_ns,
		.idle = s->idle,
		.heartbeat_ns = s->heartbeat_ns,
		.tsc_shift_ns = s->tsc_shift_ns,
		.warmup_ns = s->before_ns,
		.after_ns = s->after_ns,
		.timeout_ns = s->timeout_ns,
	};
	if (s->downtime_ns % NSEC_PER_MSEC)
		return error_set(err, -EINVAL,
				 "--downtime-limit is a whole number of "
				 "milliseconds");
	rc = check_clocks(s, err);
	if (!rc)
		rc = migrate_parse_verify(s->verify_text, &run->verify, err);
	if (!rc && s->sabotage_text)
		rc = sabotage_parse(s->sabotage_text, &run->sabotage, err);
	if (!rc && s->fault_text)
		rc = migrate_parse_fault(s->fault_text, &run->fault, err);
	run->commit = s->commit ? commits[s->commit] : NULL;
	if (!rc && run->commit && run->kind != DRIVE_MINI)
		rc = error_set(err, -EINVAL,
			       "--commit is the mini VMM's: not with QEMU");
	if (!rc)
		rc = vfio_resolve(&s->vfio, run, err);
	if (!rc)
		rc = resolve_qemu(s, run, err);
	if (!rc)
		rc = link_resolve(&s->common.link, run, err);
	if (!rc && by_handover(s))
		rc = handover_resolve(run, err);
	if (rc)
		return rc;
	run->transport = transport(s, run);
	rc = resolve_file(s, run, err);
	if (!rc)
		rc = migrate_compress_resolve(&s->compress, run, err);
	if (!rc)
		rc = send_resolve(&s->send, run, err);
	if (!rc)
		rc = resolve_predict(s, run, err);
	if (!rc)
		rc = agree_on_inline(s, run, err);
	if (rc)
		return rc;
	run->workload = s->common.workload;
	return 0;
}
