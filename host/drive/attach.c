/* SPDX-License-Identifier: MIT */
/* One migration between machines that run already. */
#include "drive/attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "drive/attach_internal.h"
#include "drive/console.h"
#include "drive/vm_kind.h"
#include "qmp/client.h"

#define REPLY_TIMEOUT_MS 10000

/* A run, and what must be put back at its end. */
struct attached {
	struct run run;
	struct run_settings set;
	struct attach_saved source, target;
	bool held_back; /* the target was told not to run by itself */
};

static int open_both(struct attached *a, struct error *err)
{
	const struct run_attach *at = &a->set.attach;
	struct run *r = &a->run;
	int rc = attach_open(&r->source, "source", "--source-qmp",
			     at->source_qmp, err);

	if (!rc)
		rc = attach_open(&r->target, "target", "--target-qmp",
				 at->target_qmp, err);
	if (!rc && r->source.kind != r->target.kind)
		rc = error_set(err, -ENODEV,
			       "the source is %s and the target %s: they do "
			       "not speak the same stream",
			       r->source.kind->name, r->target.kind->name);
	if (!rc)
		rc = attach_expect_status(&r->source, "running",
					  "start it with 'cont', or boot it "
					  "anew",
					  err);
	if (!rc)
		rc = attach_expect_status(&r->target, "inmigrate",
					  "start it with --incoming defer "
					  "(QEMU: -incoming defer)",
					  err);
	if (!rc)
		rc = attach_console(&r->source, a->set.dir, "--source-console",
				    at->source_console, err);
	if (!rc)
		rc = attach_console(&r->target, a->set.dir, "--target-console",
				    at->target_console, err);
	return rc;
}

static void set_pending(struct attached *a, bool (*pending)(void))
{
	if (a->run.source.console)
		console_set_pending(a->run.source.console, pending);
	if (a->run.target.console)
		console_set_pending(a->run.target.console, pending);
}

/* What the machines are settles what was left open. */
static int learn(struct attached *a, struct error *err)
{
	struct run *r = &a->run;
	struct run_settings *s = &a->set;

	s->kind = r->source.kind == &drive_qemu ? DRIVE_QEMU : DRIVE_MINI;
	s->ram_bytes = attach_ram_bytes(&r->source);
	r->out->accel = attach_accel(&r->source);
	r->out->nr_vcpus = attach_nr_vcpus(&r->source);
	snprintf(r->out->vmm_version, sizeof(r->out->vmm_version), "%s",
		 qmp_client_version(r->source.qmp));
	if (s->kind == DRIVE_MINI && (json_object_size(s->capabilities) ||
				      json_object_size(s->parameters)))
		return error_set(err, -EINVAL,
				 "the --qemu-... options are for QEMU: these "
				 "are mini VMMs");
	if (r->hold && r->target.blind)
		return error_set(err, -EINVAL,
				 "--verify switchover needs the target's "
				 "memory: %s",
				 r->target.blind_why);
	return 0;
}

/* What is far is said once, and why. */
static void tell_blind(struct run *r)
{
	const struct drive_vm *vms[] = { &r->source, &r->target };
	size_t i;

	for (i = 0; i < 2; i++)
		if (vms[i]->blind)
			run_note(r,
				 "the %s's memory and threads cannot be seen "
				 "from here: %s",
				 vms[i]->name, vms[i]->blind_why);
	snprintf(r->out->source_blind, sizeof(r->out->source_blind), "%s",
		 r->source.blind_why);
	snprintf(r->out->target_blind, sizeof(r->out->target_blind), "%s",
		 r->target.blind_why);
}

/* Both ends must be reachable from here, and the ways to us theirs. */
static int choose_link(struct attached *a, struct error *err)
{
	struct run_settings *s = &a->set;
	bool local = !a->run.source.blind && !a->run.target.blind;

	if (!local && !s->attach.uri)
		return error_set(err, -EINVAL,
				 "source and target may be on two hosts: give "
				 "--uri tcp:HOST:PORT, where the target "
				 "listens and the source connects");
	if (s->relay_auto)
		s->relay = local && s->kind == DRIVE_QEMU;
	if (local || !s->relay)
		return 0;
	if (s->relay_needed)
		return error_set(err, -EINVAL,
				 "the --link-... options need a relay here, "
				 "and the machines are elsewhere");
	run_note(&a->run, "no relay: the machines are elsewhere");
	s->relay = false;
	return 0;
}

static int find_listener(struct attached *a, struct error *err)
{
	json_t *reply;
	int rc = drive_vm_execute(&a->run.target, "query-migrate", NULL, &reply,
				  err);

	if (rc)
		return rc;
	a->run.listening = json_object_get(reply, "socket-address") != NULL;
	json_decref(reply);
	if (!a->run.listening || a->set.attach.uri)
		return 0;
	return error_set(err, -EINVAL,
			 "the target listens already: say where by --uri, or "
			 "start it with --incoming defer (QEMU: -incoming "
			 "defer)");
}

static int plant(struct run *r, struct error *err)
{
	int rc;

	r->out->state_unseen = !r->source.console || !r->target.console;
	if (r->out->state_unseen) {
		run_note(r, "vcpu_state was not compared: that needs "
			    "--source-console and --target-console");
		return 0;
	}
	r->out->avx_left_out = !drive_vm_carries_avx(&r->source);
	rc = console_command(r->source.console, REPLY_TIMEOUT_MS, NULL, err,
			     "state plant%s",
			     r->out->avx_left_out ? " avx=off" : "");
	return run_not_usage(rc);
}

static void check_image(struct attached *a)
{
	if (a->run.source.blind || !a->set.image ||
	    attach_image_fits(&a->run.source, a->set.image, a->set.image_bytes))
		return;
	a->set.image = NULL;
	run_note(&a->run, "the guest's image is another than ours: its pages "
			  "are not compared; --kernel FILE says which it is");
}

static int count(struct run *r, struct error *err)
{
	int rc = drive_vm_counters(&r->source, NULL, &r->source_count,
				   &r->tsc_hz, err);

	if (!rc)
		rc = drive_vm_counters(&r->target, &r->source, &r->target_count,
				       NULL, err);
	return rc ? rc : run_expect_learn(r, err);
}

static int save(struct attached *a, struct error *err)
{
	json_t *caps = run_capabilities(&a->run);
	json_t *params = run_parameters(&a->run);
	int rc = attach_save(&a->run.source, caps, params, &a->source, err);

	if (!rc && a->set.kind == DRIVE_QEMU)
		rc = attach_save(&a->run.target, caps, params, &a->target, err);
	json_decref(caps);
	json_decref(params);
	return rc;
}

/* All that can be refused comes before anything is changed. */
static int prepare(struct attached *a, struct error *err)
{
	struct run *r = &a->run;
	int rc;

	run_stage(r, "attach");
	rc = open_both(a, err);
	if (rc)
		return rc;
	set_pending(a, a->set.attach.pending);
	rc = attach_ready_guest(r, &a->set, err);
	tell_blind(r);
	if (!rc)
		rc = learn(a, err);
	if (!rc)
		rc = choose_link(a, err);
	if (!rc)
		rc = find_listener(a, err);
	if (!rc)
		rc = run_choose_codec(r, err);
	return rc;
}

static int work(struct attached *a, struct error *err)
{
	struct run *r = &a->run;
	int rc = 0;

	if (r->owned) {
		run_stage(r, "fill");
		rc = run_start_workload(&r->source, &a->set.workload,
					&r->out->fill_ms, err);
	}
	check_image(a);
	if (!rc)
		rc = plant(r, err);
	if (!rc)
		rc = count(r, err);
	if (!rc)
		rc = run_link_open(r, err);
	if (!rc)
		rc = save(a, err);
	if (!rc)
		rc = run_set_up(r, err);
	if (rc)
		return rc;
	run_look_at_clocks(r);
	a->held_back = r->hold;
	return run_hop(r, err);
}

/* Where the workload is now, it is stopped if it is ours. */
static void stop_workload(struct run *r)
{
	char status[32] = "";
	struct drive_vm *vm = &r->source;

	if (!r->owned)
		return;
	drive_vm_status(vm, status, NULL);
	if (strcmp(status, "running"))
		vm = &r->target;
	if (vm->console && !drive_vm_is_gone(vm))
		console_command(vm->console, REPLY_TIMEOUT_MS, NULL, NULL,
				"stop");
	else
		run_note(r,
			 "our workload goes on in the %s: it has no "
			 "console to stop it by",
			 vm->name);
}

/* A target that was told to wait goes on; but not beside a source that took
 * the machine back when all was sent already. */
static void let_run(struct run *r)
{
	char status[32] = "";

	if (drive_vm_is_gone(&r->target))
		return;
	drive_vm_status(&r->target, status, NULL);
	if (r->out->completed || !strcmp(status, "inmigrate"))
		drive_vm_execute(&r->target, "cont", NULL, NULL, NULL);
}

static void restore(struct attached *a)
{
	struct run *r = &a->run;
	struct error why = { "" };

	set_pending(a, NULL);
	if (a->held_back)
		let_run(r);
	if (attach_restore(&r->source, &a->source, &why))
		run_note(r, "not put back at the source: %s", why.text);
	why.text[0] = '\0';
	if (!drive_vm_is_gone(&r->target)) {
		if (attach_restore(&r->target, &a->target, &why))
			run_note(r, "not put back at the target: %s", why.text);
	}
	json_decref(a->target.capabilities);
	json_decref(a->target.parameters);
}

static void let_go(struct attached *a)
{
	struct run *r = &a->run;

	run_link_close(r);
	/* QEMU leaves its socket behind. */
	if (!r->listening && !r->target.blind)
		address_unlink(r->address);
	drive_vm_stop(&r->source);
	drive_vm_stop(&r->target);
	json_decref(r->source_stats);
	json_decref(r->target_stats);
	compress_qemu_exit(&r->codec);
}

static int attach_and_go(struct attached *a, struct error *err)
{
	int rc = prepare(a, err);

	if (rc)
		return rc;
	rc = work(a, err);
	stop_workload(&a->run);
	restore(a);
	return rc;
}

int run_attached(const struct run_settings *settings,
		 const struct run_hops *hops, struct error *err)
{
	struct attached a = { .set = *settings };
	struct run_sample sample;
	struct run_hop hop = {
		.set = &a.set,
		.hop = 1,
		.last = true,
		.why = err,
		.sample = &sample,
		.run = &a.run,
	};

	run_sample_init(&sample);
	a.run.set = &a.set;
	a.run.out = &sample;
	a.run.hop = 1;
	a.run.last = a.run.attached = true;
	a.run.hold = settings->verify & RUN_VERIFY_SWITCHOVER;
	hop.rc = attach_and_go(&a, err);
	if (hop.rc && !sample.failure[0])
		snprintf(sample.failure, sizeof(sample.failure), "%s",
			 err->text);
	hops->done(hops->ctx, &hop);
	let_go(&a);
	run_sample_exit(&sample);
	return hop.rc;
}
