/* SPDX-License-Identifier: MIT */
/* What a run needs before it can migrate: machines, and a guest at work. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hugepages.h"
#include "drive/console.h"
#include "drive/run_internal.h"
#include "qmp/client.h"

/* Firmware takes its time, where the host is busy and emulates it. */
#define READY_TIMEOUT_MS 180000
#define REPLY_TIMEOUT_MS 10000
#define FILL_TIMEOUT_MS 600000

int run_not_usage(int rc)
{
	return rc == -EINVAL ? -EPROTO : rc;
}

int run_await_ready(struct drive_vm *vm, double *ret_ready_ms,
		    struct error *err)
{
	struct console_line ready;
	int rc = console_wait_event(vm->console, "ready", READY_TIMEOUT_MS,
				    &ready, err);

	if (!rc)
		rc = drive_vm_map(vm, NULL, err);
	if (!rc)
		*ret_ready_ms =
			(double)(ready.arrived_ns - vm->started_ns) / 1e6;
	return rc;
}

int run_start_workload(struct drive_vm *vm, const struct workload *workload,
		       double *ret_fill_ms, struct error *err)
{
	char words[WORKLOAD_LINE_BYTES];
	struct console_line filled;
	uint64_t begin = clock_now_ns();
	int rc;

	rc = console_command(vm->console, REPLY_TIMEOUT_MS, NULL, err,
			     "start %s", workload_words(workload, words));
	/* The guest looks at the CPU that it has. */
	if (rc && strstr(err->text, "l2 cannot run"))
		return -ENODEV;
	if (!rc)
		rc = console_wait_event(vm->console, "filled", FILL_TIMEOUT_MS,
					&filled, err);
	if (!rc && ret_fill_ms)
		*ret_fill_ms = (double)(filled.arrived_ns - begin) / 1e6;
	return rc;
}

int run_stop_workload(struct drive_vm *vm, struct error *err)
{
	return run_not_usage(console_command(vm->console, REPLY_TIMEOUT_MS,
					     NULL, err, "stop"));
}

void run_tell_child(const struct run *r, unsigned int slot, pid_t pid)
{
	if (r->set->child)
		r->set->child(r->set->progress_ctx, slot, pid);
}

static void vm_params(const struct run *r, const char *name, unsigned int slot,
		      struct drive_vm_params *p)
{
	*p = (struct drive_vm_params){
		.kind = r->set->kind,
		.qemu = r->set->qemu,
		.name = name,
		.dir = r->set->dir,
		.ram_bytes = r->set->ram_bytes,
		.nr_vcpus = r->set->nr_vcpus,
		.memory = r->set->memory,
		.kernel = r->set->kernel,
		.devices = r->set->devices,
		.vfio = r->set->vfio[slot],
		.hyperv = r->set->hyperv,
		.nested = workload_l2_mode(&r->set->workload) != 0,
		.commit = r->set->commit,
		.child = r->set->child,
		.child_ctx = r->set->progress_ctx,
		.child_slot = slot,
	};
}

/* Who is told how many pages the source lacks would be told again for the
 * target. */
static void count_both(const struct run *r, struct error *err)
{
	uint64_t page = r->set->memory.page_bytes;
	char remedy[HUGEPAGES_TEXT_BYTES];
	size_t n = strlen(err->text);

	if (!backing_is_pooled(r->set->memory.kind, page) ||
	    !strstr(err->text, "hugepages"))
		return;
	snprintf(
		err->text + n, sizeof(err->text) - n,
		"; for source and target: %s",
		hugepages_remedy(page, 2 * (r->set->ram_bytes / page), remedy));
}

static int boot_source(struct run *r, struct error *err)
{
	struct drive_vm_params p;
	int rc;

	run_stage(r, "boot");
	vm_params(r, "source", 0, &p);
	if (r->set->qemu_source)
		p.qemu.binary = r->set->qemu_source;
	rc = drive_vm_start(&p, &r->source, err);
	if (rc == -ENODEV && !run_by_handover(r))
		count_both(r, err);
	if (!rc)
		rc = run_await_ready(&r->source, &r->out->boot_ready_ms, err);
	return rc;
}

static int plant_state(struct run *r, struct error *err)
{
	r->out->avx_left_out = !drive_vm_carries_avx(&r->source);
	return run_not_usage(console_command(
		r->source.console, REPLY_TIMEOUT_MS, NULL, err, "state plant%s",
		r->out->avx_left_out ? " avx=off" : ""));
}

int run_ready_source(struct run *r, struct error *err)
{
	int rc = plant_state(r, err);

	snprintf(r->out->vmm_version, sizeof(r->out->vmm_version), "%s",
		 qmp_client_version(r->source.qmp));
	if (!rc)
		rc = drive_vm_counters(&r->source, NULL, &r->source_count,
				       &r->tsc_hz, err);
	if (!rc)
		rc = run_expect_learn(r, err);
	return rc;
}

int run_start_source(struct run *r, struct error *err)
{
	int rc = boot_source(r, err);

	if (rc)
		return rc;
	run_stage(r, "fill");
	rc = run_start_workload(&r->source, &r->set->workload, &r->out->fill_ms,
				err);
	return rc ? rc : run_ready_source(r, err);
}

/*
 * The source is such a machine, so this host can run them: that there is no
 * second one, for want of memory, is a migration that failed.
 */
static int target_refused(struct run *r, int rc)
{
	r->refused =
		rc == -ENODEV && !r->set->qemu_source && !r->set->qemu_target;
	return rc;
}

int run_start_target(struct run *r, struct error *err)
{
	struct drive_vm_params p;
	int rc;

	vm_params(r, "target", 1, &p);
	if (r->set->qemu_target)
		p.qemu.binary = r->set->qemu_target;
	p.memory.handover = run_by_handover(r);
	p.incoming = run_by_file(r) ? "defer" : r->address;
	p.paused = r->hold;
	p.die_at = r->set->fault;
	rc = drive_vm_start(&p, &r->target, err);
	if (rc)
		return target_refused(r, rc);
	r->out->target_start_ms =
		(double)(clock_now_ns() - r->target.started_ns) / 1e6;
	if (!rc)
		rc = drive_vm_map(&r->target, &r->source, err);
	if (!rc)
		rc = drive_vm_counters(&r->target, &r->source, &r->target_count,
				       NULL, err);
	return rc;
}
