/* SPDX-License-Identifier: MIT */
/* The guest in an attached machine: is it ours, and does it work? */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "drive/attach_internal.h"
#include "drive/console.h"
#include "drive/guest_view.h"

#define REPLY_TIMEOUT_MS 3000
#define FILL_TIMEOUT_NS (600 * NSEC_PER_SEC)

static int ask(struct drive_vm *vm, const char *line,
	       struct console_line *ret_reply, struct error *err)
{
	int rc = console_command(vm->console, REPLY_TIMEOUT_MS, ret_reply, err,
				 "%s", line);

	/* No fault of the command line. */
	return run_not_usage(rc);
}

int attach_stats(struct drive_vm *vm, struct attach_stats *ret,
		 struct error *err)
{
	struct console_line line;
	const char *state;
	int rc = ask(vm, "stats", &line, err);

	if (rc)
		return rc;
	*ret = (struct attach_stats){ .state = "" };
	state = strstr(line.text, "state=");
	if (!state || !console_number(&line, "steps", &ret->steps) ||
	    !console_number(&line, "bad", &ret->bad) ||
	    !console_number(&line, "check", &ret->check) ||
	    !console_number(&line, "rate_target_bytes_per_s",
			    &ret->rate_bytes_per_s))
		return error_set(err, -EPROTO,
				 "the guest's answer to 'stats' makes no "
				 "sense: %.300s",
				 line.text);
	state += strlen("state=");
	snprintf(ret->state, sizeof(ret->state), "%.*s",
		 (int)strcspn(state, " "), state);
	return 0;
}

/* What was half typed there before ends with our first line: asked twice. */
static int find_guest(struct drive_vm *vm, struct error *err)
{
	struct error why = { "" };
	struct console_line line;
	int rc = ask(vm, "control", &line, NULL);

	if (rc == -EPROTO)
		rc = ask(vm, "control", &line, &why);
	if (!rc && console_number(&line, "gpa", &vm->control_gpa) &&
	    console_number(&line, "bytes", &vm->control_bytes))
		return 0;
	if (rc == -ECANCELED)
		return rc;
	return error_set(err, -ENODEV,
			 "no guest of vmferry's answers on the %s's console "
			 "(asked for 'control'): boot vmferry's guest there, "
			 "of this version, and close other users of the "
			 "console",
			 vm->name);
}

/* Without a console its control area tells. */
static int read_stats(struct drive_vm *vm, struct attach_stats *ret,
		      struct error *err)
{
	static const char *const states[] = { "booting", "ready",   "filling",
					      "running", "stopped", "panic",
					      "off" };
	struct guest_view view;
	uint32_t i;
	int rc = guest_view_read(&vm->ram, vm->control_gpa, vm->control_bytes,
				 &view, err);

	if (rc)
		return rc;
	*ret = (struct attach_stats){
		.steps = guest_view_steps(&view),
		.rate_bytes_per_s = view.control.rate_bytes_per_s,
		.check = view.control.check,
	};
	snprintf(ret->state, sizeof(ret->state), "%s",
		 states[view.control.state]);
	for (i = 0; i < view.control.nr_vcpus; i++)
		ret->bad += view.vcpu[i].nr_bad;
	guest_view_exit(&view);
	return 0;
}

static int look(struct drive_vm *vm, struct attach_stats *stats,
		struct error *err)
{
	return vm->console ? attach_stats(vm, stats, err)
			   : read_stats(vm, stats, err);
}

static int await_filled(struct run *r, struct attach_stats *stats,
			struct error *err)
{
	uint64_t deadline = clock_now_ns() + FILL_TIMEOUT_NS;
	int rc = look(&r->source, stats, err);

	while (!rc && !strcmp(stats->state, "filling") &&
	       clock_now_ns() < deadline) {
		rc = run_sleep(r, &r->source,
			       clock_now_ns() + 50 * NSEC_PER_MSEC, err);
		if (!rc)
			rc = look(&r->source, stats, err);
	}
	return rc;
}

static int keep_workload(struct run *r, struct run_settings *set,
			 const struct attach_stats *stats, struct error *err)
{
	if (strcmp(stats->state, "running"))
		return error_set(err, -EINVAL,
				 "the guest's workload does not run (it is "
				 "'%s'): let us start one by --workload and "
				 "--source-console",
				 stats->state);
	if (r->target.blind && !stats->check)
		return error_set(err, -ENODEV,
				 "nothing could be verified: the guest's own "
				 "workload runs with check=off, and the "
				 "target's memory cannot be seen: %s",
				 r->target.blind_why);
	set->workload.rate_bytes_per_s = stats->rate_bytes_per_s;
	if (!stats->check)
		set->verify &= ~(unsigned int)RUN_VERIFY_INLINE;
	run_note(r, "the guest's own workload was kept, and was not stopped: "
		    "--workload starts one of ours");
	if (r->target.blind && set->verify & RUN_VERIFY_AFTER)
		run_note(r, "no look at all memory after the migration: the "
			    "target's cannot be seen, and the guest's own look "
			    "needs its workload stopped");
	return 0;
}

/* Whose memory can be seen; and is what is left enough to judge by? */
static int see_both(struct run *r, struct error *err)
{
	attach_see(&r->source, NULL);
	if (r->source.blind && !r->source.console)
		return error_set(err, -ENODEV,
				 "nothing says that vmferry's guest is inside "
				 "of the source: give --source-console (%s)",
				 r->source.blind_why);
	attach_see(&r->target, &r->source);
	if (r->target.blind && !r->target.console)
		return error_set(err, -ENODEV,
				 "nothing could be verified: give "
				 "--target-console, for the target's memory "
				 "cannot be seen: %s",
				 r->target.blind_why);
	return 0;
}

int attach_ready_guest(struct run *r, struct run_settings *set,
		       struct error *err)
{
	struct drive_vm *vm = &r->source;
	struct attach_stats stats;
	int rc = vm->console ? find_guest(vm, err) : 0;

	if (!rc)
		rc = see_both(r, err);
	if (!rc)
		rc = await_filled(r, &stats, err);
	if (rc)
		return rc;
	r->bad_before = stats.bad;
	if (stats.bad)
		return error_set(err, -ENODEV,
				 "the guest has found %llu bad pages before "
				 "this migration: boot it anew",
				 (unsigned long long)stats.bad);
	r->owned = !set->attach.keep;
	return r->owned ? 0 : keep_workload(r, set, &stats, err);
}
