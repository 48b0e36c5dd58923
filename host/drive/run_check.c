/* SPDX-License-Identifier: MIT */
/* Integrity of a run: the host's look at memory, the guest's own, damage done
 * on purpose, and how much of it was found. */
#include "drive/run_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "drive/console.h"
#include "drive/guest_view.h"

#define VERIFY_TIMEOUT_MS 120000
#define REPLY_TIMEOUT_MS 30000

static unsigned int nr_threads(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online < 1 ? 1 : online > 16 ? 16 : (unsigned int)online;
}

static int read_view(struct drive_vm *vm, struct guest_view *view,
		     struct error *err)
{
	return guest_view_read(&vm->ram, vm->control_gpa, vm->control_bytes,
			       view, err);
}

static void add_report(struct run_integrity *in,
		       const struct verify_report *report)
{
	if (report->pages_checked >= in->pages_checked) {
		in->pages_checked = report->pages_checked;
		in->bytes_checked = report->bytes_checked;
		in->coverage_pct = report->coverage_pct;
		memcpy(in->excluded_bytes, report->excluded_bytes,
		       sizeof(in->excluded_bytes));
	}
	in->in_flight_pages += report->in_flight_pages;
}

/* The host's look at a frozen machine. */
static int look(struct run *r, struct drive_vm *vm,
		const struct guest_view *view, bool mid_run,
		struct run_integrity *in, struct error *err)
{
	const struct verify_params params = {
		.in_flight_allowed = mid_run,
		.nr_threads = nr_threads(),
		.image_elf = r->set->image,
		.image_bytes = r->set->image_bytes,
	};
	struct verify_report report;
	int rc = verify_ram(&vm->ram, view, &params, &report, err);

	if (rc)
		return rc;
	add_report(in, &report);
	rc = findings_merge(&in->findings, &report.findings);
	verify_report_exit(&report);
	return rc;
}

int run_check_frozen(struct run *r, struct drive_vm *vm,
		     struct run_integrity *in, struct error *err)
{
	struct guest_view view;
	int rc = read_view(vm, &view, err);

	if (rc)
		return rc;
	run_expect_check(r, &view, true, in);
	rc = look(r, vm, &view, true, in, err);
	guest_view_exit(&view);
	/* What was handed over is the source's own: it sees it no more. */
	if (!rc && !run_by_handover(r))
		rc = run_expect_compare(r, in, err);
	in->looks |= RUN_VERIFY_SWITCHOVER;
	return rc;
}

/* The gap that the migration made in the guest's own log: the step after the
 * source's last one, on the vCPU where it took longest. */
static void take_guest_gap(struct run *r, const struct guest_view *view)
{
	uint64_t longest = 0;
	unsigned int i, g;

	/* Held back, the guest lost time that no migration costs. */
	if (!r->have_seen || r->hold)
		return;
	for (i = 0; i < view->control.nr_vcpus && i < r->seen.nr_vcpus; i++)
		for (g = 0; g < ABI_STALL_GAPS; g++) {
			const struct abi_gap *gap = &view->stall[i].gap[g];

			if (gap->step == r->seen.vcpu[i].steps + 1 &&
			    gap->end_tsc - gap->start_tsc > longest)
				longest = gap->end_tsc - gap->start_tsc;
		}
	if (longest)
		r->out->guest_gap_ms =
			(double)guest_view_ticks_to_ns(view, longest) / 1e6;
}

/* The guest says itself whether it looks before it overwrites. */
static void note_inline(const struct guest_view *view, struct run_integrity *in)
{
	if (view->control.check)
		in->looks |= RUN_VERIFY_INLINE;
}

/* Pages whose last visit is later than the switchover. */
static uint64_t rewritten(const struct run *r, const struct guest_view *view)
{
	const struct oracle *o = &view->control.epoch;
	uint64_t sum = 0, steps, nr;
	uint32_t i;

	for (i = 0; view->has_epoch && i < o->nr_vcpus; i++) {
		steps = view->vcpu[i].steps - r->final_steps[i];
		nr = oracle_slice(o, i).nr_pages;
		/* A pass visits each page once; two unfinished ones share
		 * some, which then are counted twice: rather too many. */
		sum += steps < nr ? steps : nr;
	}
	return sum;
}

/*
 * Without a look before the target ran, and without the workload's own before
 * each write, a page that was damaged and then written again looks right.
 */
static void discount_rewritten(const struct run *r,
			       const struct guest_view *view,
			       struct run_integrity *in)
{
	if (in->looks & (RUN_VERIFY_SWITCHOVER | RUN_VERIFY_INLINE) ||
	    !in->pages_checked)
		return;
	in->rewritten_pages = rewritten(r, view);
	in->unseen_pct = in->coverage_pct * (double)in->rewritten_pages /
			 (double)in->pages_checked;
	in->coverage_pct -= in->unseen_pct;
}

int run_check_running(struct run *r, struct drive_vm *vm,
		      struct run_integrity *in, struct error *err)
{
	struct guest_view view;
	int rc = read_view(vm, &view, err);

	if (rc)
		return rc;
	take_guest_gap(r, &view);
	run_expect_check(r, &view, false, in);
	rc = findings_from_guest(&in->findings, &view, &in->unlisted);
	note_inline(&view, in);
	guest_view_exit(&view);
	return rc;
}

/* What can be seen of a machine that stands, or whose workload does. */
static int check_seen(struct run *r, struct drive_vm *vm, bool mid_run,
		      struct run_integrity *in, struct error *err)
{
	bool after = r->set->verify & RUN_VERIFY_AFTER;
	struct guest_view view;
	int rc = read_view(vm, &view, err);

	if (rc)
		return rc;
	if (vm == &r->target)
		take_guest_gap(r, &view);
	/* What the guest found comes first: it saw it first. */
	rc = findings_from_guest(&in->findings, &view, &in->unlisted);
	note_inline(&view, in);
	run_expect_check(r, &view, false, in);
	if (!rc && after) {
		rc = look(r, vm, &view, mid_run, in, err);
		if (vm == &r->target)
			discount_rewritten(r, &view, in);
		in->looks |= RUN_VERIFY_AFTER;
	}
	guest_view_exit(&view);
	return rc;
}

/* The workload stops, and the guest looks at all of it. */
static int halt_workload(struct run *r, struct drive_vm *vm,
			 struct run_integrity *in, struct error *err)
{
	struct console_line line;
	int rc = console_command(vm->console, REPLY_TIMEOUT_MS, NULL, err,
				 "stop");

	if (rc || !(r->set->verify & RUN_VERIFY_AFTER))
		return rc;
	rc = console_command(vm->console, VERIFY_TIMEOUT_MS, &line, err,
			     "verify");
	if (!rc && !console_number(&line, "pages", &in->guest_pages))
		rc = error_set(err, -EPROTO,
			       "the guest's answer to 'verify' makes no "
			       "sense: %.300s",
			       line.text);
	return rc;
}

int run_check_after(struct run *r, struct drive_vm *vm,
		    struct run_integrity *in, struct error *err)
{
	bool stop = run_may_stop(r, vm);
	int rc = stop ? halt_workload(r, vm, in, err) : run_freeze(r, vm, err);

	if (!rc)
		rc = vm->blind ? run_check_blind(r, vm, in, err)
			       : check_seen(r, vm, !stop, in, err);
	/* Whatever was found: it is not ours to keep. */
	if (!stop) {
		int thawed = run_thaw(r, vm, rc ? NULL : err);

		rc = rc ? rc : thawed;
	}
	return rc;
}

/* "names=fs_base,xmm3", or "names=none". */
static void take_names(const struct console_line *line, struct run_sample *out)
{
	const char *names = strstr(line->text, " names=");

	names = names ? names + strlen(" names=") : "";
	if (!out->state_differing)
		names = "";
	snprintf(out->state_names, sizeof(out->state_names), "%.*s",
		 (int)strcspn(names, " "), names);
}

int run_check_state(struct run *r, struct drive_vm *vm, struct error *err)
{
	struct console_line line;
	int rc = console_command(vm->console, REPLY_TIMEOUT_MS, &line, err,
				 "state check");

	if (rc)
		return rc;
	if (!console_number(&line, "compared", &r->out->state_compared) ||
	    !console_number(&line, "differing", &r->out->state_differing))
		return error_set(err, -EPROTO,
				 "the guest's answer to 'state check' makes "
				 "no sense: %.300s",
				 line.text);
	take_names(&line, r->out);
	return 0;
}

int run_sabotage(struct run *r, struct error *err)
{
	struct guest_view view;
	int rc = read_view(&r->target, &view, err);

	if (rc)
		return rc;
	rc = sabotage_apply(&r->target.ram, &view, &r->set->sabotage,
			    &r->out->damage, err);
	guest_view_exit(&view);
	/* Fewer pages than asked for is a sample all the same. */
	return rc == -ENOSPC ? 0 : rc;
}

/* The engine says itself which pages it dropped. */
static int take_skipped(struct run *r)
{
	json_t *own = json_object_get(r->source_stats, "x-vmferry");
	json_t *list = json_object_get(own, "skipped-gfns"), *gfn;
	struct sabotage_result *damage = &r->out->damage;
	size_t i;
	int rc = 0;

	damage->wanted = ORACLE_STALE;
	json_array_foreach (list, i, gfn) {
		struct finding item = {
			.gfn = (uint64_t)json_integer_value(gfn),
			.kind = ORACLE_STALE,
		};

		if (!rc)
			rc = findings_add(&damage->pages, &item);
	}
	return rc ? rc : findings_sort(&damage->pages);
}

int run_score(struct run *r)
{
	int rc = 0;

	if (!r->set->sabotage.count ||
	    r->set->sabotage.kind == SABOTAGE_DROP_NESTED)
		return 0;
	if (sabotage_is_engine(r->set->sabotage.kind))
		rc = take_skipped(r);
	if (!rc)
		rc = sabotage_score(&r->out->damage,
				    &r->out->integrity.findings,
				    &r->out->score);
	return rc;
}
