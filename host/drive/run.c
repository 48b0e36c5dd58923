/* SPDX-License-Identifier: MIT */
/* A run, from two processes to a sample. */
#include "drive/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "drive/console.h"
#include "drive/run_internal.h"

#define READY_TIMEOUT_MS 60000
#define REPLY_TIMEOUT_MS 10000
#define FILL_TIMEOUT_MS 600000
#define MOVE_TIMEOUT_NS (5 * NSEC_PER_SEC)

void run_stage(const struct run *r, const char *stage)
{
	const struct run_progress p = { .stage = stage };

	if (r->set->progress)
		r->set->progress(r->set->progress_ctx, &p);
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
	if (!rc)
		rc = console_wait_event(vm->console, "filled", FILL_TIMEOUT_MS,
					&filled, err);
	if (!rc && ret_fill_ms)
		*ret_fill_ms = (double)(filled.arrived_ns - begin) / 1e6;
	return rc;
}

/* What a guest refuses once it works is no fault of the command line. */
static int not_usage(int rc)
{
	return rc == -EINVAL ? -EPROTO : rc;
}

static void tell_child(const struct run *r, unsigned int slot, pid_t pid)
{
	if (r->set->child)
		r->set->child(r->set->progress_ctx, slot, pid);
}

static void vm_params(const struct run *r, const char *name,
		      struct drive_vm_params *p)
{
	*p = (struct drive_vm_params){
		.kind = r->set->kind,
		.qemu = r->set->qemu,
		.name = name,
		.dir = r->set->dir,
		.ram_bytes = r->set->ram_bytes,
		.nr_vcpus = r->set->nr_vcpus,
		.backing = r->set->backing,
		.kernel = r->set->kernel,
	};
}

static int boot_source(struct run *r, struct error *err)
{
	struct drive_vm_params p;
	int rc;

	run_stage(r, "boot");
	vm_params(r, "source", &p);
	if (r->set->qemu_source)
		p.qemu.binary = r->set->qemu_source;
	rc = drive_vm_start(&p, &r->source, err);
	tell_child(r, 0, r->source.pid);
	if (!rc)
		rc = run_await_ready(&r->source, &r->out->boot_ready_ms, err);
	return rc;
}

static int plant_state(struct run *r, struct error *err)
{
	r->out->avx_left_out = !drive_vm_carries_avx(&r->source);
	return not_usage(console_command(
		r->source.console, REPLY_TIMEOUT_MS, NULL, err, "state plant%s",
		r->out->avx_left_out ? " avx=off" : ""));
}

static int start_source(struct run *r, struct error *err)
{
	int rc = boot_source(r, err);

	if (rc)
		return rc;
	run_stage(r, "fill");
	rc = run_start_workload(&r->source, &r->set->workload, &r->out->fill_ms,
				err);
	if (!rc)
		rc = plant_state(r, err);
	if (!rc)
		rc = drive_vm_counters(&r->source, NULL, &r->source_count,
				       &r->tsc_hz, err);
	return rc;
}

static int start_target(struct run *r, struct error *err)
{
	struct drive_vm_params p;
	int rc;

	vm_params(r, "target", &p);
	if (r->set->qemu_target)
		p.qemu.binary = r->set->qemu_target;
	p.incoming = r->address;
	p.paused = r->hold;
	p.die_at = r->set->fault;
	rc = drive_vm_start(&p, &r->target, err);
	tell_child(r, 1, r->target.pid);
	if (!rc)
		rc = drive_vm_map(&r->target, &r->source, err);
	if (!rc)
		rc = drive_vm_counters(&r->target, &r->source, &r->target_count,
				       NULL, err);
	return rc;
}

static void mark(struct run_mark *m, const struct counters *count)
{
	m->steps = counters_steps(count);
	m->ns = clock_now_ns();
}

static int warm_up(struct run *r, struct error *err)
{
	int rc;

	run_stage(r, "warm-up");
	mark(&r->warm, &r->source_count);
	rc = drive_vm_sleep(&r->source, r->warm.ns + r->set->warmup_ns, err);
	if (rc)
		return rc;
	rc = sampler_start(&r->source_count, &r->target_count, r->tsc_hz,
			   &r->sampler);
	if (rc)
		error_set(err, rc, "cannot start the sampler: %s",
			  strerror(-rc));
	return rc;
}

/* Lets the guest make its first steps, then ends the sampling. */
static void stop_sampler(struct run *r, bool wait)
{
	uint64_t deadline = clock_now_ns() + MOVE_TIMEOUT_NS;

	if (!r->sampler)
		return;
	while (wait && !sampler_all_moved(r->sampler) &&
	       clock_now_ns() < deadline)
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
	sampler_stop(r->sampler, &r->seen);
	r->sampler = NULL;
	r->have_seen = true;
}

/* Between the commit and the first step: look at it, or spoil it. */
static int held(struct run *r, struct error *err)
{
	bool spoil = r->set->sabotage.count &&
		     r->set->sabotage.kind != SABOTAGE_SKIP_DIRTY;
	int rc = 0;

	if (spoil)
		rc = run_sabotage(r, err);
	if (!rc && (r->set->verify & RUN_VERIFY_SWITCHOVER)) {
		run_stage(r, "verify");
		rc = run_check_frozen(r, &r->target, &r->out->integrity, err);
	}
	if (!rc)
		rc = drive_vm_execute(&r->target, "cont", NULL, NULL, err);
	return rc;
}

/* After `go` the source must stand still, whatever it says. */
static int check_source_stands(struct run *r, struct error *err)
{
	uint64_t steps = counters_steps(&r->source_count);
	char status[32];
	int rc = drive_vm_status(&r->source, status, err);

	if (rc)
		return rc;
	clock_sleep_until_ns(clock_now_ns() + 20 * NSEC_PER_MSEC);
	r->out->two_runners = !strcmp(status, "running") ||
			      counters_steps(&r->source_count) != steps;
	return 0;
}

static int after_success(struct run *r, struct error *err)
{
	int rc;

	mark(&r->end, &r->source_count);
	if (r->hold) {
		if (r->stop_ns)
			r->end.ns = r->stop_ns;
		rc = held(r, err);
		if (rc)
			return rc;
	} else if (r->resume_ns) {
		r->end.ns = r->resume_ns;
	}
	r->again = r->end;
	if (r->hold) /* Time under our own hand is nobody's. */
		r->again.ns = clock_now_ns();
	stop_sampler(r, true);
	run_stage(r, "after");
	rc = drive_vm_sleep(&r->target, clock_now_ns() + r->set->after_ns, err);
	if (rc)
		return rc;
	mark(&r->after, &r->target_count);
	rc = check_source_stands(r, err);
	run_stage(r, "verify");
	if (!rc)
		rc = run_check_state(r, &r->target, err);
	if (!rc)
		rc = run_check_after(r, &r->target, &r->out->integrity, err);
	return rc ? rc : run_score(r);
}

/* Before `go` a failure must leave the source running, and right. */
static int after_failure(struct run *r, struct error *err)
{
	uint64_t steps = counters_steps(&r->source_count);
	uint64_t deadline = clock_now_ns() + NSEC_PER_SEC;
	char status[32];
	int rc;

	stop_sampler(r, false);
	run_stage(r, "verify source");
	rc = drive_vm_status(&r->source, status, err);
	if (rc)
		return rc;
	r->out->source.checked = true;
	if (strcmp(status, "running"))
		return check_source_stands(r, err);
	while (counters_steps(&r->source_count) == steps &&
	       clock_now_ns() < deadline)
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
	r->out->source.running = counters_steps(&r->source_count) > steps;
	return run_check_after(r, &r->source, &r->out->source.integrity, err);
}

/* A target killed after it was told to go: the source must stand still. */
static bool source_handed_over(struct run *r)
{
	char status[32] = "";

	drive_vm_status(&r->source, status, NULL);
	return !strcmp(status, "postmigrate");
}

static int target_lost(struct run *r, struct error *why, struct error *err)
{
	r->out->completed = false;
	snprintf(r->out->failure, sizeof(r->out->failure),
		 "the target was lost after the source had said go: %s",
		 why->text);
	stop_sampler(r, false);
	return check_source_stands(r, err);
}

static int migrate(struct run *r, struct error *err)
{
	struct error why = { "" };
	int rc = not_usage(run_watch(r, &why));

	if (!rc) {
		rc = not_usage(r->out->completed ? after_success(r, &why)
						 : after_failure(r, &why));
	}
	if (rc && r->out->completed && r->target.pid == 0 &&
	    source_handed_over(r))
		return target_lost(r, &why, err);
	if (rc)
		error_set(err, rc, "%s", why.text);
	return rc;
}

int run_migrate(const struct run_settings *settings,
		struct run_sample *ret_sample, struct error *err)
{
	struct run r = { .set = settings, .out = ret_sample };
	int rc = run_link_open(&r, err);

	r.hold = (settings->verify & RUN_VERIFY_SWITCHOVER) ||
		 (settings->sabotage.count &&
		  settings->sabotage.kind != SABOTAGE_SKIP_DIRTY);
	if (rc)
		return rc;
	rc = start_source(&r, err);
	if (!rc)
		rc = start_target(&r, err);
	if (!rc)
		rc = run_set_up(&r, err);
	if (!rc)
		rc = warm_up(&r, err);
	if (!rc)
		rc = migrate(&r, err);
	stop_sampler(&r, false);
	if (r.source_stats)
		run_figures(&r);
	run_stage(&r, "clean up");
	/* First: a pid that is reaped may be anyone's. */
	tell_child(&r, 0, 0);
	tell_child(&r, 1, 0);
	drive_vm_stop(&r.source);
	drive_vm_stop(&r.target);
	run_link_close(&r);
	json_decref(r.source_stats);
	json_decref(r.target_stats);
	return rc;
}
