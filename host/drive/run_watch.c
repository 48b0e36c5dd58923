/* SPDX-License-Identifier: MIT */
/* One migration over QMP, from `migrate` to its end. */
#include "drive/run_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "qmp/client.h"

#define LOOK_PERIOD_NS (100 * NSEC_PER_MSEC)
/* A cancelled migration that takes longer to end never will. */
#define CANCEL_TIMEOUT_NS (30 * NSEC_PER_SEC)

static int set_up(struct run *r, struct error *err)
{
	const struct run_settings *s = r->set;
	json_t *params = json_pack(
		"{s:I, s:I}", "max-bandwidth",
		(json_int_t)s->max_bandwidth_bytes_per_s, "downtime-limit",
		(json_int_t)(s->downtime_limit_ns / NSEC_PER_MSEC));
	int rc;

	if (s->sabotage.count && s->sabotage.kind == SABOTAGE_SKIP_DIRTY)
		json_object_set_new(params, "x-sabotage-skip-dirty",
				    json_pack("{s:I, s:I}", "count",
					      (json_int_t)s->sabotage.count,
					      "seed",
					      (json_int_t)s->sabotage.seed));
	rc = drive_vm_execute(&r->source, "migrate-set-capabilities",
			      json_pack("{s:[{s:s, s:b}]}", "capabilities",
					"capability", "events", "state", 1),
			      NULL, err);
	if (rc) {
		json_decref(params);
		return rc;
	}
	return drive_vm_execute(&r->source, "migrate-set-parameters", params,
				NULL, err);
}

static uint64_t number(json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void show(const struct run *r, json_t *stats)
{
	json_t *ram = json_object_get(stats, "ram");
	struct run_progress p = {
		.stage = "migrate",
		.round = (unsigned int)number(ram, "dirty-sync-count"),
		.remaining_bytes = number(ram, "remaining"),
		.transferred_bytes = number(ram, "transferred"),
		.bandwidth_bytes_per_s =
			json_number_value(json_object_get(ram, "mbps")) * 1e6 /
			8,
		.dirty_bytes_per_s =
			(double)number(ram, "dirty-pages-rate") * 4096,
		.elapsed_ns = clock_now_ns() - r->begin.ns,
	};

	if (r->set->progress)
		r->set->progress(r->set->progress_ctx, &p);
}

static bool ended(const char *status)
{
	return !strcmp(status, "completed") || !strcmp(status, "failed") ||
	       !strcmp(status, "cancelled");
}

/* Sleeps until the source says something, or the next look is due. */
static void wait_a_moment(struct run *r)
{
	struct qmp_event event;

	if (!qmp_client_wait_event(r->source.qmp, "MIGRATION",
				   clock_now_ns() + LOOK_PERIOD_NS, &event))
		qmp_event_exit(&event);
}

/* Polls the source until the migration has ended; its last word stays in
 * source_stats. */
static int wait_end(struct run *r, struct error *err)
{
	uint64_t deadline = r->begin.ns + r->set->timeout_ns;
	bool cancelled = false;
	const char *status;
	int rc;

	for (;;) {
		json_decref(r->source_stats);
		r->source_stats = NULL;
		rc = drive_vm_execute(&r->source, "query-migrate", NULL,
				      &r->source_stats, err);
		if (rc)
			return rc;
		status = json_string_value(
			json_object_get(r->source_stats, "status"));
		show(r, r->source_stats);
		if (status && ended(status))
			break;
		if (clock_now_ns() > deadline) {
			if (cancelled)
				return error_set(err, -ETIMEDOUT,
						 "the source does not end a "
						 "cancelled migration");
			cancelled = true;
			deadline = clock_now_ns() + CANCEL_TIMEOUT_NS;
			drive_vm_execute(&r->source, "migrate_cancel", NULL,
					 NULL, NULL);
		}
		wait_a_moment(r);
	}
	r->out->completed = !strcmp(status, "completed");
	return 0;
}

static void explain_failure(struct run *r)
{
	const char *status =
		json_string_value(json_object_get(r->source_stats, "status"));
	const char *desc = json_string_value(
		json_object_get(r->source_stats, "error-desc"));

	if (!strcmp(status, "cancelled"))
		snprintf(r->out->failure, sizeof(r->out->failure),
			 "no convergence within the time limit: the guest "
			 "dirties memory faster than it travels; raise "
			 "--downtime-limit or --max-bandwidth, or lower the "
			 "workload's rate");
	else
		snprintf(r->out->failure, sizeof(r->out->failure), "%s",
			 desc ? desc : "the source gave no reason");
}

/* Arrival of the newest event of that name; 0 = there was none. */
static uint64_t take_event(struct drive_vm *vm, const char *name,
			   uint64_t deadline_ns)
{
	struct qmp_event event;
	uint64_t arrived = 0;

	while (!qmp_client_wait_event(vm->qmp, name, arrived ? 0 : deadline_ns,
				      &event)) {
		arrived = event.arrived_ns;
		qmp_event_exit(&event);
	}
	return arrived;
}

int run_watch(struct run *r, struct error *err)
{
	uint64_t patience;
	int rc = set_up(r, err);

	if (rc)
		return rc;
	qmp_client_drain_events(r->source.qmp);
	r->source_cpu_ns = drive_vm_cpu_ns(&r->source);
	r->target_cpu_ns = drive_vm_cpu_ns(&r->target);
	r->begin.steps = sampler_steps(r->source_vcpu, r->nr_vcpus);
	r->begin.ns = clock_now_ns();
	rc = drive_vm_execute(&r->source, "migrate",
			      json_pack("{s:s}", "uri", r->address), NULL, err);
	if (!rc)
		rc = wait_end(r, err);
	if (rc)
		return rc;
	r->stop_ns = take_event(&r->source, "STOP", 0);
	if (!r->out->completed) {
		explain_failure(r);
		return 0;
	}
	patience = clock_now_ns() + 5 * NSEC_PER_SEC;
	if (!r->hold)
		r->resume_ns = take_event(&r->target, "RESUME", patience);
	return drive_vm_execute(&r->target, "query-migrate", NULL,
				&r->target_stats, err);
}
