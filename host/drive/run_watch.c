/* SPDX-License-Identifier: MIT */
/* One migration over QMP, from `migrate` to its end. */
#include "drive/run_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "qmp/client.h"

#define LOOK_PERIOD_NS (100 * NSEC_PER_MSEC)
/* It counts into the downtime. */
#define LOAD_PERIOD_NS NSEC_PER_MSEC
/* A cancelled migration that takes longer to end never will. */
#define CANCEL_TIMEOUT_NS (30 * NSEC_PER_SEC)

/* QEMU reads 0 as "send nothing": this is more than any link. */
#define QEMU_NO_LIMIT_BYTES_PER_S (1ll << 40)

/* What every VMM does by itself needs no word. */
static void add_send(const struct run_settings *s, json_t *o)
{
	const struct run_send *send = &s->send;

	if (s->kind == DRIVE_QEMU || !send->iovecs)
		return;
	json_object_set_new(o, "x-send",
			    json_pack("{s:b, s:b, s:I}", "copy", send->copy,
				      "zerocopy", send->zerocopy, "iovecs",
				      (json_int_t)send->iovecs));
}

json_t *run_parameters(const struct run *r)
{
	const struct run_settings *s = r->set;
	json_int_t limit = (json_int_t)s->max_bandwidth_bytes_per_s;
	json_t *o;

	if (s->kind == DRIVE_QEMU && !limit)
		limit = QEMU_NO_LIMIT_BYTES_PER_S;
	o = json_pack("{s:I, s:I}", "max-bandwidth", limit, "downtime-limit",
		      (json_int_t)(s->downtime_limit_ns / NSEC_PER_MSEC));
	if (s->sabotage.count && sabotage_is_engine(s->sabotage.kind))
		json_object_set_new(o, "x-sabotage-skip-dirty",
				    sabotage_engine_parameter(&s->sabotage));
	run_l2_parameters(r, o);
	if (run_by_handover(r))
		json_object_set_new(o, "mode", json_string("cpr-transfer"));
	if (s->nr_channels > 1)
		json_object_set_new(o, "multifd-channels",
				    json_integer(s->nr_channels));
	if (s->kind == DRIVE_MINI)
		drive_compress_parameters(&s->compress, o);
	if (r->codec.parameters)
		json_object_update(o, r->codec.parameters);
	add_send(s, o);
	/* What the user says by QEMU's own names wins. */
	if (s->parameters)
		json_object_update(o, s->parameters);
	return o;
}

static json_t *capability(const char *name, bool state)
{
	return json_pack("{s:s, s:b}", "capability", name, "state", state);
}

json_t *run_capabilities(const struct run *r)
{
	json_t *list = json_array(), *state, *named = json_object();
	const char *name;

	json_array_append_new(list, capability("events", true));
	if (r->set->nr_channels > 1)
		json_array_append_new(list, capability("multifd", true));
	if (r->set->kind == DRIVE_MINI && r->set->compress.codec)
		json_array_append_new(list, capability("compress", true));
	if (r->codec.capabilities)
		json_object_update(named, r->codec.capabilities);
	if (r->set->capabilities)
		json_object_update(named, r->set->capabilities);
	json_object_foreach (named, name, state)
		json_array_append_new(list,
				      capability(name, json_is_true(state)));
	json_decref(named);
	return json_pack("{s:o}", "capabilities", list);
}

static int set_up(struct run *r, struct drive_vm *vm, struct error *err)
{
	int rc = drive_vm_execute(vm, "migrate-set-capabilities",
				  run_capabilities(r), NULL, err);

	if (!rc)
		rc = drive_vm_execute(vm, "migrate-set-parameters",
				      run_parameters(r), NULL, err);
	/* Refused by name: the user's word was wrong for this VMM. */
	return rc == -EREMOTEIO ? -EINVAL : rc;
}

static int listen_at(struct run *r, struct error *err)
{
	return drive_vm_execute(&r->target, "migrate-incoming",
				json_pack("{s:s}", "uri", r->address), NULL,
				err);
}

int run_set_up(struct run *r, struct error *err)
{
	int rc = set_up(r, &r->source, err);

	/* The mini VMM's target has nothing to be told but how many threads
	 * shall decompress, and waits already. */
	if (rc || (r->set->kind != DRIVE_QEMU && !r->set->compress.codec))
		return rc;
	rc = set_up(r, &r->target, err);
	return rc || r->attached || r->set->kind != DRIVE_QEMU
		       ? rc
		       : listen_at(r, err);
}

/* A machine of somebody else's listens no longer than it must. */
static int set_up_attached(struct run *r, struct error *err)
{
	int rc = 0;

	if (!r->attached)
		return 0;
	if (r->hold)
		rc = drive_vm_execute(&r->target, "stop", NULL, NULL, err);
	if (rc || r->listening)
		return rc;
	rc = listen_at(r, err);
	return rc == -EREMOTEIO ? -ENODEV : rc;
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

/* QEMU can say `completed` before its figures are filled in. */
static bool ended(json_t *stats)
{
	const char *status =
		json_string_value(json_object_get(stats, "status"));

	if (!status)
		return false;
	if (!strcmp(status, "completed"))
		return json_integer_value(
			       json_object_get(stats, "total-time")) ||
		       json_object_get(stats, "x-vmferry");
	return !strcmp(status, "failed") || !strcmp(status, "cancelled");
}

static void note_status(struct run *r, const struct qmp_event *event)
{
	const char *status =
		json_string_value(json_object_get(event->data, "status"));

	if (!status)
		return;
	if (!strcmp(status, "active") && !r->active_ns)
		r->active_ns = event->arrived_ns;
	if (!strcmp(status, "completed"))
		r->done_ns = event->arrived_ns;
}

/* A round begins: what is to happen to the link then. */
static void note_round(struct run *r, const struct qmp_event *event)
{
	json_int_t round =
		json_integer_value(json_object_get(event->data, "pass"));

	run_link_round(r, round, event->arrived_ns);
}

static void note_stop(struct run *r, const struct qmp_event *event)
{
	r->stop_ns = event->arrived_ns;
	r->stop_sent_us = event->sent_us;
	if (r->sampler)
		sampler_hurry(r->sampler);
}

/* Takes what the source has said by then, or waits for its next word. */
static void listen_until(struct run *r, uint64_t deadline_ns)
{
	struct qmp_event event;

	while (!qmp_client_wait_event(r->source.qmp, NULL, deadline_ns,
				      &event)) {
		if (!strcmp(event.name, "MIGRATION"))
			note_status(r, &event);
		else if (!strcmp(event.name, "MIGRATION_PASS"))
			note_round(r, &event);
		else if (!strcmp(event.name, "STOP"))
			note_stop(r, &event);
		qmp_event_exit(&event);
		deadline_ns = 0;
	}
}

static void look_at_threads(struct run *r, bool begin)
{
	threads_look(&r->source_threads, r->source.pid, begin);
	threads_look(&r->target_threads, r->target.pid, begin);
	r->source_cpu_ns[!begin] = drive_vm_cpu_ns(&r->source);
	r->target_cpu_ns[!begin] = drive_vm_cpu_ns(&r->target);
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
		look_at_threads(r, false);
		show(r, r->source_stats);
		if (ended(r->source_stats))
			break;
		if (clock_now_ns() > deadline ||
		    (!cancelled && run_interrupted(r))) {
			if (cancelled)
				return error_set(err, -ETIMEDOUT,
						 "the source does not end a "
						 "cancelled migration");
			cancelled = true;
			deadline = clock_now_ns() + CANCEL_TIMEOUT_NS;
			drive_vm_execute(&r->source, "migrate_cancel", NULL,
					 NULL, NULL);
		}
		listen_until(r, clock_now_ns() + LOOK_PERIOD_NS);
	}
	listen_until(r, 0);
	status = json_string_value(json_object_get(r->source_stats, "status"));
	r->out->completed = !strcmp(status, "completed");
	r->out->cancelled = !strcmp(status, "cancelled");
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
			   uint64_t deadline_ns, int64_t *ret_sent_us)
{
	struct qmp_event event;
	uint64_t arrived = 0;

	while (!qmp_client_wait_event(vm->qmp, name, arrived ? 0 : deadline_ns,
				      &event)) {
		arrived = event.arrived_ns;
		*ret_sent_us = event.sent_us;
		qmp_event_exit(&event);
	}
	return arrived;
}

static int await_resume(struct run *r, struct error *err)
{
	uint64_t patience = clock_now_ns() + 5 * NSEC_PER_SEC;
	char status[32] = "";

	if (r->hold)
		return 0;
	r->resume_ns =
		take_event(&r->target, "RESUME", patience, &r->resume_sent_us);
	if (r->resume_ns || !r->attached)
		return 0;
	drive_vm_status(&r->target, status, NULL);
	if (strcmp(status, "paused") && strcmp(status, "prelaunch"))
		return 0;
	return error_set(err, -EIO,
			 "the target has it all and stays paused: it was "
			 "started with -S or --paused; 'cont' lets it run");
}

/* The file is whole: the target loads it, to the end. */
static int load_file(struct run *r, struct error *err)
{
	uint64_t deadline = clock_now_ns() + r->set->timeout_ns;
	json_t *stats = NULL;
	bool done = false;
	int rc = drive_vm_execute(&r->target, "migrate-incoming",
				  json_pack("{s:s}", "uri", r->address), NULL,
				  err);

	while (!rc && !done) {
		rc = drive_vm_execute(&r->target, "query-migrate", NULL, &stats,
				      err);
		if (rc)
			break;
		done = ended(stats);
		json_decref(stats);
		if (!done && clock_now_ns() > deadline)
			return error_set(err, -ETIMEDOUT,
					 "the target does not finish loading");
		if (!done)
			clock_sleep_until_ns(clock_now_ns() + LOAD_PERIOD_NS);
	}
	look_at_threads(r, false);
	/* The source was done when the file was: the migration is now. */
	r->done_ns = clock_now_ns();
	return rc;
}

static int watch(struct run *r, struct error *err)
{
	const char *uri;
	int rc = set_up_attached(r, err);

	if (rc)
		return rc;
	qmp_client_drain_events(r->source.qmp);
	look_at_threads(r, true);
	run_mark(r, &r->source, &r->source_count, &r->begin);
	r->begin.ns = clock_now_ns();
	rc = run_wire_open(r, &uri, err);
	if (!rc)
		rc = drive_vm_execute(&r->source, "migrate",
				      json_pack("{s:s}", "uri", uri), NULL,
				      err);
	if (!rc)
		rc = wait_end(r, err);
	if (!rc && run_interrupted(r))
		rc = error_set(err, -ECANCELED, "interrupted");
	if (rc)
		return rc;
	if (!r->out->completed) {
		explain_failure(r);
		return 0;
	}
	if (run_by_file(r))
		rc = load_file(r, err);
	if (!rc)
		rc = await_resume(r, err);
	if (rc)
		return rc;
	return drive_vm_execute(&r->target, "query-migrate", NULL,
				&r->target_stats, err);
}

int run_watch(struct run *r, struct error *err)
{
	int rc = watch(r, err);

	run_wire_close(r);
	return rc;
}
