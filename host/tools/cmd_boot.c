/* SPDX-License-Identifier: MIT */
/* vmferry boot: boot the guest, run its workload, talk to it. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "drive/boot.h"
#include "drive/rundir.h"
#include "machine/machine.h"
#include "report/table.h"
#include "tools/common.h"
#include "tools/device_list.h"
#include "tools/interrupt.h"
#include "tools/tools.h"

struct settings {
	struct common_settings common; /* first */
	uint64_t duration_ns, repeat;
	const char *command, *load;
	bool console, verify;
};

#define AT(field) offsetof(struct settings, field)

static const struct option_spec options[] = {
	{ "duration", OPTION_TIME, AT(duration_ns), "TIME",
	  "watch it for that long (default 2s)", 0, 0, NULL },
	{ "command", OPTION_STRING, AT(command), "LINE",
	  "a line for its console at the end, e.g. 'bench stores'", 0, 0,
	  NULL },
	{ "verify", OPTION_FLAG, AT(verify), "",
	  "check all of the guest's memory at the end, from outside", 0, 0,
	  NULL },
	{ "load", OPTION_STRING, AT(load), "FILE",
	  "go on from a snapshot (migrate --snapshot) instead of booting;\n"
	  "--ram, --cpus and --backing as it had them",
	  0, 0, NULL },
	{ "console", OPTION_FLAG, AT(console), "",
	  "give the mini VMM's guest console to this terminal;\n"
	  "'help' lists commands, the end of the input powers off",
	  0, 0, NULL },
	{ "repeat", OPTION_NUMBER, AT(repeat), "N",
	  "boots, one after another (default 1)", 1, 1000000, NULL },
	{ .name = NULL },
};

static const struct command_help help = {
	.usage = "vmferry boot [OPTIONS]",
	.text = "Boots the guest and says how long that took. With --workload "
		"it works meanwhile\nand its rate is measured from outside; "
		"without, it idles and its CPU time is.",
	.examples = "  vmferry boot --repeat 10 --duration 0\n"
		    "  vmferry boot --cpus 2 --workload rate=200M,wss=128M "
		    "--duration 5s\n"
		    "  vmferry boot --firmware uefi --media usb --verify\n"
		    "  vmferry boot --command 'bench stores'\n"
		    "  vmferry boot --load guest.snapshot --ram 1G\n"
		    "  vmferry boot --console\n"
		    "  echo help | vmferry boot --console",
};

static const char *const figures[] = {
	"boot_ready_ms",   "fill_ms",	      "rate_bytes_per_s", "cpu_pct",
	"step_gap_p50_us", "step_gap_p99_us", "step_gap_max_us",
};

static json_t *sample(const struct boot_sample *s)
{
	json_t *o = json_object();
	const struct {
		const char *key;
		double value;
	} numbers[] = {
		{ "boot_ready_ms", s->ready_ms },
		{ "fill_ms", s->fill_ms },
		{ "watched_s", s->watched_s },
		{ "rate_bytes_per_s", s->rate_bytes_per_s },
		{ "cpu_pct", s->cpu_pct },
		{ "coverage_pct", s->coverage_pct },
		{ "step_gap_p50_us", s->gap_p50_us },
		{ "step_gap_p99_us", s->gap_p99_us },
		{ "step_gap_max_us", s->gap_max_us },
	};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_set_new(o, numbers[i].key,
				    result_number(numbers[i].value));
	json_object_set_new(o, "steps", json_integer((json_int_t)s->steps));
	json_object_set_new(o, "bad", json_integer((json_int_t)s->nr_bad));
	json_object_set_new(o, "checked_bytes",
			    json_integer((json_int_t)s->checked_bytes));
	json_object_set_new(o, "reply",
			    s->reply[0] ? result_string(s->reply)
					: json_null());
	return o;
}

static void print(const struct boot_sample *s, FILE *f)
{
	char text[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];

	fprintf(f, "ready after %s",
		units_format_time(text, s->ready_ms * 1e6));
	if (!isnan(s->rate_bytes_per_s))
		fprintf(f,
			", %" PRIu64 " steps in %.2f s: %s (%.0f pages/s), "
			"%" PRIu64 " bad",
			s->steps, s->watched_s,
			units_format_rate(rate, s->rate_bytes_per_s),
			s->rate_bytes_per_s / ABI_PAGE_BYTES, s->nr_bad);
	if (!isnan(s->cpu_pct))
		fprintf(f, ", %.2f %% of a core", s->cpu_pct);
	if (!isnan(s->coverage_pct))
		fprintf(f, ", %s checked, coverage %.4g %%",
			units_format_size(text, s->checked_bytes),
			s->coverage_pct);
	fputc('\n', f);
	if (s->reply[0])
		fprintf(f, "%s\n", s->reply);
	/* Many boots are watched. */
	fflush(f);
}

static void on_child(void *ctx, unsigned int slot, pid_t pid)
{
	interrupt_child(slot, pid);
}

static int one(struct settings *s, const char *dir, const char *kernel,
	       struct result *result, struct error *err)
{
	char incoming[PATH_MAX + 8];
	const struct boot_settings set = {
		.vm = {
			.kind = s->common.machine.kind,
			.qemu = s->common.machine.qemu,
			.devices = s->common.machine.devices,
			.hyperv = s->common.machine.hyperv,
			.name = "guest",
			.dir = dir,
			.ram_bytes = s->common.ram_bytes,
			.nr_vcpus = (unsigned int)s->common.cpus,
			.memory = s->common.memory.memory,
			.kernel = kernel,
			.incoming = s->load ? incoming : NULL,
		},
		.workload = s->common.workload_text ? &s->common.workload :
						      NULL,
		.command = s->command,
		.duration_ns = s->duration_ns,
		.verify_image = s->verify ? s->common.image : NULL,
		.image_bytes = s->common.image_bytes,
		.child = on_child,
	};
	struct boot_sample out;
	int rc;

	snprintf(incoming, sizeof(incoming), "file:%s", s->load ? s->load : "");
	rc = boot_run(&set, &out, err);

	if (rc || interrupt_pending())
		return rc;
	common_note_version(&s->common, out.vmm_version);
	result_add_sample(result, sample(&out), false);
	result_add_verdict(result, out.nr_bad ? RESULT_FAIL : RESULT_PASS);
	print(&out, common_out(&s->common));
	return 0;
}

static json_t *params(const struct settings *s)
{
	json_t *o = common_params(&s->common);

	json_object_set_new(o, "load", result_string(s->load));
	return o;
}

static int measure(struct settings *s, int argc, char **argv)
{
	const struct result_params rp = { "boot", VMFERRY_VERSION, argc, argv };
	struct error err = { "" };
	char dir[RUNDIR_BYTES] = "", path[PATH_MAX];
	const char *kernel = NULL;
	struct result *result;
	uint64_t i;
	int rc = result_create(&rp, &result), code;

	if (rc)
		return EXIT_BROKEN;
	result_set_params(result, params(s));
	result_summarize(result, figures, sizeof(figures) / sizeof(figures[0]));
	rc = interrupt_catch();
	if (!rc)
		rc = rundir_create(dir, &err);
	if (!rc)
		rc = common_kernel(&s->common, dir, path, &kernel, &err);
	for (i = 0; !rc && i < s->repeat && !interrupt_pending(); i++)
		rc = one(s, dir, kernel, result, &err);
	rundir_remove(dir);
	if (interrupt_pending())
		result_warn(result, "interrupted after %zu of %" PRIu64,
			    result_nr_samples(result), s->repeat);
	code = common_finish("boot", &s->common, result, rc, &err);
	result_destroy(result);
	return code;
}

static int give_console(const struct settings *s)
{
	const struct drive_memory *memory = &s->common.memory.memory;
	struct machine_params params = {
		.ram_bytes = s->common.ram_bytes,
		.nr_vcpus = (unsigned int)s->common.cpus,
		.backing = memory->kind,
		.page_bytes = memory->page_bytes,
		.backing_path = memory->path,
		.prealloc = memory->prealloc,
		.prealloc_how = memory_prealloc(&s->common.memory),
		.prealloc_async = memory_prealloc_async(&s->common.memory),
		.unreserved = memory->unreserved,
		.dirty_ring = memory->ring,
		.hyperv = s->common.machine.hyperv,
		.kernel = s->common.kernel,
		.serial = "stdio",
		/* Another kernel may never say that it is ready. */
		.console = !s->common.kernel,
		.version = VMFERRY_VERSION,
	};
	struct error err = { "" };
	int rc = 0;

	if (s->common.machine.devices) {
		rc = device_list_parse(s->common.machine.devices,
				       &params.devices, &err);
		device_list_allow_descriptors();
	}
	if (!rc)
		rc = machine_run(&params, &err);
	if (!rc)
		return EXIT_DONE;
	return tools_fail("boot",
			  rc == -EIO ? EXIT_FAILED : tools_exit_code(rc), &err);
}

/* A terminal needs the machine in this process, and leaves no figures. */
static int check_console(const struct settings *s, struct error *err)
{
	if (s->load && (s->console || s->common.workload_text ||
			s->common.machine.kind != DRIVE_MINI))
		return error_set(err, -EINVAL,
				 "--load is for --vmm mini, and goes with "
				 "neither --workload nor --console: the "
				 "snapshot has its own workload");
	if (!s->console)
		return 0;
	if (s->common.machine.kind != DRIVE_MINI)
		return error_set(
			err, -EINVAL,
			"--console is for --vmm mini: QEMU has a "
			"console of its own (-serial stdio); --command "
			"works with both");
	if (s->common.json)
		return error_set(
			err, -EINVAL,
			"--console measures nothing: leave out --json");
	return 0;
}

int cmd_boot(int argc, char **argv)
{
	static const struct option_spec *const tables[] = { machine_options,
							    common_options,
							    options, NULL };
	struct settings s = { .duration_ns = 2 * NSEC_PER_SEC, .repeat = 1 };
	struct error err = { "" };
	json_t *shown;
	int rc, code;

	common_init(&s.common);
	rc = options_parse(argc, argv, &help, tables, &s, &err);
	if (rc > 0)
		return EXIT_DONE;
	if (!rc)
		rc = common_resolve(&s.common, &err);
	if (!rc)
		rc = check_console(&s, &err);
	if (rc) {
		code = tools_fail("boot", tools_exit_code(rc), &err);
	} else if (s.common.dry_run) {
		shown = params(&s);
		json_dumpf(shown, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(shown);
		code = EXIT_DONE;
	} else {
		code = s.console ? give_console(&s) : measure(&s, argc, argv);
	}
	common_exit(&s.common);
	return code;
}
