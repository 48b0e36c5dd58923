/* SPDX-License-Identifier: MIT */
/* One hop of a run: from two machines that stand ready to a sample. */
#include "drive/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "drive/run_internal.h"

/* The sampler must have seen each vCPU step before the machine stops, which is
 * at once if no pages travel; a workload that paces takes up to 10 ms. */
#define SEE_STEPS_NS (50 * NSEC_PER_MSEC)
#define MOVE_TIMEOUT_NS (5 * NSEC_PER_SEC)

void run_stage(const struct run *r, const char *stage)
{
	const struct run_progress p = { .stage = stage };

	if (r->set->progress)
		r->set->progress(r->set->progress_ctx, &p);
}

static int warm_up(struct run *r, struct error *err)
{
	int rc;

	run_stage(r, "warm-up");
	run_look_at_memory(&r->source, &r->out->source_memory);
	rc = run_check_queues(r, &r->source, &r->out->queues[0], err);
	if (rc)
		return rc;
	run_mark(r, &r->source, &r->source_count, &r->warm);
	rc = run_time_begin(r, err);
	if (!rc)
		rc = run_sleep(r, &r->source,
			       clock_now_ns() + r->set->warmup_ns, err);
	run_time_before(r);
	if (!rc && r->set->idle)
		rc = run_stop_workload(&r->source, err);
	if (rc || r->source.blind || r->target.blind)
		return rc;
	rc = sampler_start(&r->source_count, &r->target_count, r->tsc_hz,
			   &r->sampler);
	if (rc)
		return error_set(err, rc, "cannot start the sampler: %s",
				 strerror(-rc));
	/* The close looks it begins with are not the migration's cost. */
	while (!sampler_settled(r->sampler))
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
	return run_by_handover(r)
		       ? drive_vm_sleep(&r->source,
					clock_now_ns() + SEE_STEPS_NS, err)
		       : 0;
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
		     !sabotage_is_inside(r->set->sabotage.kind);
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

/* A source that stands can tell its steps by its memory alone. */
static void mark_switchover(struct run *r)
{
	r->end = (struct run_mark){ .ns = 0 };
	if (!r->source.blind)
		run_mark(r, &r->source, &r->source_count, &r->end);
	r->again = r->end;
	r->again.ns = r->resume_ns ? r->resume_ns : clock_now_ns();
	if (r->stop_ns && r->end.ns)
		r->end.ns = r->stop_ns;
}

static int after_success(struct run *r, struct error *err)
{
	int rc;

	run_expect_final(r);
	run_l2_final(r);
	mark_switchover(r);
	if (r->hold) {
		rc = held(r, err);
		if (rc)
			return rc;
		/* Time under our own hand is nobody's. */
		r->again.ns = clock_now_ns();
	}
	if (r->again.ns && r->source.blind)
		run_mark(r, &r->target, &r->target_count, &r->again);
	stop_sampler(r, !r->set->idle);
	run_see_late(r);
	run_stage(r, "after");
	rc = run_time_after(r, err);
	if (rc)
		return rc;
	rc = run_sleep(r, &r->target, clock_now_ns() + r->set->after_ns, err);
	if (rc)
		return rc;
	run_mark(r, &r->target, &r->target_count, &r->after);
	run_look_at_memory(&r->target, &r->out->target_memory);
	run_look_at_prealloc(&r->target, &r->out->prealloc);
	rc = check_source_stands(r, err);
	run_stage(r, "verify");
	if (!rc && !r->out->state_unseen)
		rc = run_check_state(r, &r->target, err);
	if (!rc)
		rc = run_check_queues(r, &r->target, &r->out->queues[1], err);
	if (!rc)
		run_l2_look(r, false);
	/* With a hop to come the workload must not stop. */
	if (!rc && !r->last)
		rc = run_check_running(r, &r->target, &r->out->integrity, err);
	/* What looks bad ends the run here, so that all of it is verified. */
	if (!rc && (r->last || !run_sample_clean(r->out)))
		rc = run_check_after(r, &r->target, &r->out->integrity, err);
	if (!rc)
		rc = run_check_vfio(r, &r->target, err);
	if (!rc && r->last)
		run_l2_look(r, run_may_stop(r, &r->target));
	return rc ? rc : run_score(r);
}

/* Before `go` a failure must leave the source running, and right. */
static int after_failure(struct run *r, struct error *err)
{
	uint64_t steps = counters_steps(&r->source_count);
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
	/* Idle it makes none: the source's word is all there is. */
	r->out->source.running =
		r->set->idle ||
		run_goes_on(r, &r->source, &r->source_count, steps);
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

/* A panic, silence, nonsense: what a migration that lost something does to a
 * guest. A failed migration, not a failed kit. */
static bool is_guest_failure(int rc)
{
	return rc == -EIO || rc == -ETIMEDOUT || rc == -EPROTO || rc == -EAGAIN;
}

static void guest_lost(struct run *r, const struct error *why)
{
	r->out->guest_lost = true;
	run_l2_look(r, false);
	snprintf(r->out->failure, sizeof(r->out->failure),
		 "the guest broke after the migration: %s", why->text);
	stop_sampler(r, false);
}

int run_without_target(struct run *r, const char *why, struct error *err)
{
	snprintf(r->out->failure, sizeof(r->out->failure), "%s", why);
	run_look_at_memory(&r->source, &r->out->source_memory);
	r->out->rate_target = (double)workload_target_bytes_per_s(
		&r->set->workload, r->set->nr_vcpus);
	return after_failure(r, err);
}

static int migrate(struct run *r, struct error *err)
{
	struct error why = { "" };
	int rc = run_not_usage(run_watch(r, &why));

	if (!rc) {
		rc = run_not_usage(r->out->completed ? after_success(r, &why)
						     : after_failure(r, &why));
	}
	if (rc && r->out->completed && drive_vm_is_gone(&r->target) &&
	    source_handed_over(r))
		return target_lost(r, &why, err);
	if (r->out->completed && is_guest_failure(rc)) {
		guest_lost(r, &why);
		return check_source_stands(r, err);
	}
	if (rc)
		error_set(err, rc, "%s", why.text);
	return rc;
}

int run_hop(struct run *r, struct error *err)
{
	int rc = run_predict(r, err);

	if (!rc)
		rc = warm_up(r, err);
	if (!rc)
		rc = migrate(r, err);
	stop_sampler(r, false);
	/* As near to the switchover as may be: clocks drift. */
	run_look_at_clocks(r);
	if (r->source_stats)
		run_figures(r);
	return rc;
}
