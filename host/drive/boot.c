/* SPDX-License-Identifier: MIT */
/* Boot a guest and watch it. */
#include "drive/boot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "drive/console.h"
#include "drive/guest_view.h"
#include "drive/stall.h"
#include "drive/verify.h"
#include "qmp/client.h"

#define COMMAND_TIMEOUT_MS 120000

static int watch(const struct boot_settings *set, struct drive_vm *vm,
		 struct boot_sample *out, struct error *err)
{
	uint64_t begin, cpu, steps, span;
	struct counters count;
	int rc = drive_vm_counters(vm, NULL, &count, NULL, err);

	if (rc)
		return rc;
	cpu = drive_vm_cpu_ns(vm);
	steps = counters_steps(&count);
	begin = clock_now_ns();
	rc = drive_vm_sleep(vm, begin + set->duration_ns, err);
	if (rc)
		return rc;
	out->steps = counters_steps(&count) - steps;
	span = clock_now_ns() - begin;
	cpu = drive_vm_cpu_ns(vm) - cpu;
	out->watched_s = (double)span / 1e9;
	out->cpu_pct = (double)cpu / (double)span * 100;
	if (set->workload || set->vm.incoming)
		out->rate_bytes_per_s =
			(double)out->steps * ABI_PAGE_BYTES / out->watched_s;
	return 0;
}

/* Over all vCPUs. */
static double gap_us(const struct guest_view *view, double pct)
{
	return (double)stall_percentile_ns(view, view->control.nr_vcpus, pct) /
	       1e3;
}

/* From a snapshot: no guest boots, it goes on where it was. */
static int await_loaded(struct drive_vm *vm, double *ret_ready_ms,
			struct error *err)
{
	char status[32] = "inmigrate";
	int rc = 0;

	while (!rc && !strcmp(status, "inmigrate")) {
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
		rc = drive_vm_status(vm, status, err);
	}
	if (!rc)
		*ret_ready_ms = (double)(clock_now_ns() - vm->started_ns) / 1e6;
	return rc ? rc : drive_vm_map(vm, NULL, err);
}

/* A machine that cannot load its file ends, and says why. */
static bool refused_file(const struct drive_vm *vm)
{
	return !vm->pid && WIFEXITED(vm->wait_status) &&
	       WEXITSTATUS(vm->wait_status) == 1;
}

static int finish_workload(const struct boot_settings *set, struct drive_vm *vm,
			   struct boot_sample *out, struct error *err)
{
	struct guest_view view;
	unsigned int i;
	int rc;

	rc = console_command(vm->console, COMMAND_TIMEOUT_MS, NULL, err,
			     "stop");
	if (!rc && set->vm.incoming)
		rc = console_command(vm->console, COMMAND_TIMEOUT_MS, NULL, err,
				     "verify");
	if (!rc)
		rc = guest_view_read(&vm->ram, vm->control_gpa,
				     vm->control_bytes, &view, err);
	/* What a guest refuses once it works is no fault of the command line.
	 */
	if (rc)
		return rc == -EINVAL ? -EPROTO : rc;
	for (i = 0; i < view.control.nr_vcpus; i++)
		out->nr_bad += view.vcpu[i].nr_bad;
	if (out->steps) {
		out->gap_p50_us = gap_us(&view, 50);
		out->gap_p99_us = gap_us(&view, 99);
		out->gap_max_us = gap_us(&view, 100);
	}
	guest_view_exit(&view);
	return 0;
}

/* All of RAM, from outside: also that the guest's account of it is true. */
static int verify(const struct boot_settings *set, struct drive_vm *vm,
		  struct boot_sample *out, struct error *err)
{
	const struct verify_params params = {
		.nr_threads = 2,
		.image_elf = set->verify_image,
		.image_bytes = set->image_bytes,
	};
	struct verify_report report;
	struct guest_view view;
	unsigned int i;
	int rc = guest_view_read(&vm->ram, vm->control_gpa, vm->control_bytes,
				 &view, err);

	if (rc)
		return rc;
	rc = verify_ram(&vm->ram, &view, &params, &report, err);
	guest_view_exit(&view);
	if (rc)
		return rc == -EINVAL ? -EPROTO : rc;
	for (i = 0; i < ORACLE_NR_CLASSES; i++)
		out->nr_bad += report.bad[i];
	out->checked_bytes = report.bytes_checked;
	out->coverage_pct = report.coverage_pct;
	verify_report_exit(&report);
	return 0;
}

static int run_command(const struct boot_settings *set, struct drive_vm *vm,
		       struct boot_sample *out, struct error *err)
{
	struct console_line line;
	int rc = console_command(vm->console, COMMAND_TIMEOUT_MS, &line, err,
				 "%s", set->command);

	if (!rc)
		snprintf(out->reply, sizeof(out->reply), "%.*s",
			 (int)sizeof(out->reply) - 1, line.text);
	return rc;
}

int boot_run(const struct boot_settings *set, struct boot_sample *out,
	     struct error *err)
{
	struct drive_vm_params params;
	struct drive_vm vm = { .pid = 0 };
	int rc;

	*out = (struct boot_sample){
		.ready_ms = NAN,
		.fill_ms = NAN,
		.watched_s = NAN,
		.rate_bytes_per_s = NAN,
		.cpu_pct = NAN,
		.coverage_pct = NAN,
		.gap_p50_us = NAN,
		.gap_p99_us = NAN,
		.gap_max_us = NAN,
	};
	params = set->vm;
	params.child = set->child;
	rc = drive_vm_start(&params, &vm, err);
	if (!rc)
		snprintf(out->vmm_version, sizeof(out->vmm_version), "%s",
			 qmp_client_version(vm.qmp));
	if (!rc)
		rc = set->vm.incoming
			     ? await_loaded(&vm, &out->ready_ms, err)
			     : run_await_ready(&vm, &out->ready_ms, err);
	if (rc && set->vm.incoming && refused_file(&vm))
		rc = -EINVAL;
	if (!rc && set->workload)
		rc = run_start_workload(&vm, set->workload, &out->fill_ms, err);
	if (!rc && set->duration_ns)
		rc = watch(set, &vm, out, err);
	if (!rc && (set->workload || set->vm.incoming))
		rc = finish_workload(set, &vm, out, err);
	if (!rc && set->verify_image)
		rc = verify(set, &vm, out, err);
	if (!rc && set->command)
		rc = run_command(set, &vm, out, err);
	/* First: a pid that is reaped may be anyone's. */
	if (set->child)
		set->child(NULL, 0, 0);
	drive_vm_stop(&vm);
	return rc;
}
