/* SPDX-License-Identifier: MIT */
/* Runs the guest's checks of Hyper-V's interface, also around a migration. */
#include "drive/cycles_check.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "drive/cycles_internal.h"
#include "drive/run.h"
#include "drive/vm_kind.h"
#include "qmp/client.h"

#define POLL_NS (5 * NSEC_PER_MSEC)
#define MIGRATION_NS (60 * NSEC_PER_SEC)

static int watchdog_ms(const struct cycles_settings *set)
{
	return (int)(set->watchdog_ns / NSEC_PER_MSEC);
}

static bool is_wanted(const struct cycles_settings *set, const char *name)
{
	unsigned int i;

	for (i = 0; i < set->nr_only; i++)
		if (!strcmp(set->only[i], name))
			return true;
	return !set->nr_only;
}

static int take_answer(const struct console_line *line, struct cycles_check *c,
		       struct error *err)
{
	const char *skipped = cycles_skip(line);
	uint64_t step;

	if (!console_number(line, "step", &step) || step > UINT32_MAX ||
	    !console_number(line, "saw", &c->saw) ||
	    !console_number(line, "wanted", &c->wanted) ||
	    !console_number(line, "tries", &c->tries))
		return error_set(err, -EPROTO,
				 "the guest's answer makes no sense: %s",
				 line->text);
	c->step = (unsigned int)step;
	if (skipped) {
		snprintf(c->skipped, sizeof(c->skipped), "%.159s", skipped);
	} else if (step) {
		c->result = CYCLES_FAIL;
		snprintf(c->why, sizeof(c->why), "%s",
			 hv_step_sentence(c->check, c->step));
	} else {
		c->result = CYCLES_PASS;
	}
	return 0;
}

/* @ret_lost: it took the guest with it. */
static int one(const struct cycles_settings *set, struct drive_vm *vm,
	       struct cycles_check *c, bool *ret_lost, struct error *err)
{
	const char *name = hv_check_name(c->check);
	struct error why = { "" };
	struct console_line line;
	int rc;

	if (set->progress)
		set->progress(set->progress_ctx, name, 0);
	rc = console_command(vm->console, watchdog_ms(set), &line, &why,
			     "hv check=%s", name);
	if (!rc)
		return take_answer(&line, c, err);
	if (rc == -EINVAL || (set->pending && set->pending()))
		return error_set(err, rc == -EINVAL ? -EPROTO : rc, "%s",
				 why.text);
	c->result = CYCLES_FAIL;
	snprintf(c->why, sizeof(c->why), "the guest did not survive it: %.150s",
		 why.text);
	*ret_lost = true;
	return 0;
}

static int all(const struct cycles_settings *set, struct drive_vm *vm,
	       struct cycles_check list[HV_NR_CHECKS], bool *ret_lost,
	       struct error *err)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < HV_NR_CHECKS; i++) {
		list[i].check = (enum hv_check)i;
		if (!is_wanted(set, hv_check_name(list[i].check)))
			snprintf(list[i].skipped, sizeof(list[i].skipped),
				 "not asked for");
		else if (*ret_lost)
			snprintf(list[i].skipped, sizeof(list[i].skipped),
				 "the guest was lost before");
		else
			rc = one(set, vm, &list[i], ret_lost, err);
	}
	return rc;
}

static const char *text(const json_t *o, const char *key, const char *fallback)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : fallback;
}

/* Until @vm's status is @wanted. */
static int await(struct drive_vm *vm, const char *wanted, uint64_t end_ns,
		 struct error *err)
{
	char status[32] = "";
	int rc;

	for (;;) {
		rc = drive_vm_status(vm, status, err);
		if (rc || !strcmp(status, wanted))
			return rc;
		if (clock_now_ns() >= end_ns)
			return error_set(err, -ETIMEDOUT,
					 "the migration does not end: the %s "
					 "is '%s'",
					 vm->name, status);
		rc = drive_vm_sleep(vm, clock_now_ns() + POLL_NS, err);
		if (rc)
			return rc;
	}
}

/* Until the source says how it ended. */
static int await_end(struct drive_vm *vm, uint64_t end_ns, struct error *err)
{
	char status[32] = "", why[160];
	json_t *o;
	int rc;

	do {
		rc = drive_vm_execute(vm, "query-migrate", NULL, &o, err);
		if (rc)
			return rc;
		snprintf(status, sizeof(status), "%.31s",
			 text(o, "status", ""));
		snprintf(why, sizeof(why), "%.159s",
			 text(o, "error-desc", "no reason given"));
		json_decref(o);
		if (!strcmp(status, "completed"))
			return 0;
		if (!strcmp(status, "failed"))
			return error_set(err, -EPROTO,
					 "the migration failed: %s", why);
		rc = drive_vm_sleep(vm, clock_now_ns() + POLL_NS, err);
	} while (!rc && clock_now_ns() < end_ns);
	return rc ? rc
		  : error_set(err, -ETIMEDOUT,
			      "the migration does not end: it is '%s'", status);
}

static int move(const struct cycles_settings *set, struct drive_vm *from,
		struct drive_vm *to, double *ret_ms, struct error *err)
{
	struct drive_vm_params params = set->vm;
	uint64_t begin, end;
	char address[160];
	int rc;

	snprintf(address, sizeof(address), "unix:%s/check.sock", params.dir);
	params.name = "target";
	params.incoming = "defer";
	params.child_slot = 1;
	rc = drive_vm_start(&params, to, err);
	if (rc)
		return rc;
	rc = drive_vm_execute(to, "migrate-incoming",
			      json_pack("{s:s}", "uri", address), NULL, err);
	if (rc)
		return rc;
	begin = clock_now_ns();
	end = begin + MIGRATION_NS;
	rc = drive_vm_execute(from, "migrate",
			      json_pack("{s:s}", "uri", address), NULL, err);
	if (!rc)
		rc = await_end(from, end, err);
	if (!rc)
		rc = await(to, "running", end, err);
	*ret_ms = (double)(clock_now_ns() - begin) / 1e6;
	return rc;
}

static int check_names(const struct cycles_settings *set, struct error *err)
{
	unsigned int i, k;

	for (i = 0; i < set->nr_only; i++) {
		for (k = 0; k < HV_NR_CHECKS; k++)
			if (!strcmp(set->only[i],
				    hv_check_name((enum hv_check)k)))
				break;
		if (k == HV_NR_CHECKS)
			return error_set(err, -EINVAL,
					 "--only: there is no check '%s'; "
					 "without it all are run",
					 set->only[i]);
	}
	return 0;
}

static void stop(const struct cycles_settings *set, struct drive_vm *from,
		 struct drive_vm *to)
{
	struct drive_vm_params params = set->vm;

	/* First: a pid that is reaped may be anyone's. */
	drive_vm_tell_child(&params, 0);
	params.child_slot = 1;
	drive_vm_tell_child(&params, 0);
	drive_vm_stop(from);
	drive_vm_stop(to);
}

int cycles_check_run(const struct cycles_settings *set, bool migrate,
		     struct cycles_checks *out, struct error *err)
{
	struct drive_vm from = { .pid = 0 }, to = { .pid = 0 };
	bool lost = false;
	double ready_ms;
	int rc = check_names(set, err);

	out->migration_ms = NAN;
	if (rc)
		return rc;
	rc = drive_vm_start(&set->vm, &from, err);
	if (rc)
		return rc;
	snprintf(out->vmm_version, sizeof(out->vmm_version), "%s",
		 qmp_client_version(from.qmp));
	rc = run_await_ready(&from, &ready_ms, err);
	if (!rc && migrate)
		rc = console_command(from.console, watchdog_ms(set), NULL, err,
				     "hv open");
	if (!rc)
		rc = all(set, &from, out->phase[0], &lost, err);
	out->nr_phases = 1;
	if (!rc && migrate && !lost) {
		rc = move(set, &from, &to, &out->migration_ms, err);
		if (!rc)
			rc = all(set, &to, out->phase[1], &lost, err);
		out->nr_phases = 2;
	}
	stop(set, &from, &to);
	return rc;
}
