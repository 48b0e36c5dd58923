/* SPDX-License-Identifier: MIT */
/* Runs the guest's exit probes in turns. */
#include "drive/cycles.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "drive/cycles_internal.h"
#include "drive/run.h"
#include "drive/vm_kind.h"
#include "qmp/client.h"

#define TURN_ROUNDS 200u
/* So many turns at least: one disturbance must not stand for all. With 3 the
 * medians of ten boots lay up to 10 % apart, with 12 up to 3 %. */
#define MIN_TURNS 12u
#define MAX_BOOTS 12u
/* More of a probe's count all the same: this host has no better ones. */
#define MAX_DISTURBED 24u
/* What the guest sends has its limit in one page. */
#define GUEST_ROUNDS 2000u

static bool ends_guest(int rc)
{
	return rc == -ETIMEDOUT || rc == -EIO || rc == -ENODATA ||
	       rc == -EPIPE || rc == -ECONNRESET;
}

const char *cycles_skip(const struct console_line *line)
{
	const char *why = strstr(line->text, " skip=");

	return why ? why + 6 : NULL;
}

static bool take_skip(const struct console_line *line, struct cycles_probe *p)
{
	const char *why = cycles_skip(line);

	if (!why)
		return false;
	if (!p->nr_ticks)
		snprintf(p->skipped, sizeof(p->skipped), "%.159s", why);
	return true;
}

/* Is a turn with this empty loop to be kept? */
static bool judge(struct cycles_probe *p, uint32_t empty)
{
	if (p->nr_disturbed >= MAX_DISTURBED)
		return true;
	switch (cycles_judge_turn(empty, &p->empty_ticks, !p->nr_turns)) {
	case CYCLES_TURN_DISTURBED:
		p->nr_disturbed++;
		return false;
	case CYCLES_TURN_BETTER:
		p->nr_disturbed += p->nr_turns;
		p->nr_turns = 0;
		p->nr_ticks = 0;
		return true;
	default:
		return true;
	}
}

/* The ticks of a turn lie in the guest's memory, sorted. */
static int take_ticks(const struct drive_vm *vm,
		      const struct console_line *line, struct cycles_probe *p,
		      struct error *err)
{
	uint64_t rounds, empty, gpa;
	uint32_t *ticks, *fresh;
	size_t i;
	int rc;

	if (!console_number(line, "rounds", &rounds) || !rounds ||
	    rounds > GUEST_ROUNDS || !console_number(line, "gpa", &gpa) ||
	    !console_number(line, "empty", &empty) || empty > UINT32_MAX)
		return error_set(err, -EPROTO,
				 "the guest's answer makes no sense: %s",
				 line->text);
	if (!judge(p, (uint32_t)empty))
		return 0;
	ticks = realloc(p->ticks, (p->nr_ticks + rounds) * sizeof(*ticks));
	if (!ticks)
		return error_set(err, -ENOMEM, "no memory");
	p->ticks = ticks;
	fresh = ticks + p->nr_ticks;
	rc = ram_read(&vm->ram, gpa, fresh, rounds * sizeof(*fresh));
	if (rc)
		return error_set(err, rc, "cannot read the guest's memory: %s",
				 strerror(-rc));
	for (i = 0; i < rounds; i++)
		fresh[i] -= fresh[i] < empty ? fresh[i] : (uint32_t)empty;
	p->nr_turns++;
	p->nr_ticks += rounds;
	cycles_stats_compute(p->ticks, p->nr_ticks, &p->stats);
	return 0;
}

int cycles_take(const struct cycles_settings *set, struct drive_vm *vm,
		const char *command, struct cycles_probe *p, bool *ret_done,
		struct console_line *ret_line, struct error *err)
{
	uint64_t begin = clock_now_ns();
	struct console_line line;
	int rc = console_command(vm->console,
				 (int)(set->watchdog_ns / NSEC_PER_MSEC), &line,
				 err, "%s", command);

	if (rc)
		return rc;
	*ret_done = take_skip(&line, p);
	if (!*ret_done)
		rc = take_ticks(vm, &line, p, err);
	if (ret_line)
		*ret_line = line;
	p->spent_ns += clock_now_ns() - begin;
	return rc;
}

/* One turn of one probe. Return: as console_command(). */
static int take_turn(const struct cycles_settings *set, struct drive_vm *vm,
		     struct cycles_probe *p, bool *ret_done, struct error *err)
{
	uint64_t left = set->rounds - p->nr_ticks;
	uint64_t rounds = left < TURN_ROUNDS ? left : TURN_ROUNDS;
	char command[96];

	snprintf(command, sizeof(command),
		 "cycles probe=%s ring=%u rounds=%" PRIu64, p->name, p->ring,
		 rounds);
	return cycles_take(set, vm, command, p, ret_done, NULL, err);
}

static bool is_known(const struct cycles_settings *set,
		     const struct cycles_probe *p)
{
	if (p->nr_ticks >= set->rounds || p->spent_ns >= set->limit_ns)
		return true;
	return p->nr_turns >= MIN_TURNS &&
	       p->stats.spread_pct <= set->spread_pct;
}

static int boot(const struct cycles_settings *set, struct drive_vm *vm,
		struct cycles_boot *out, struct error *err)
{
	double ready_ms;
	int rc;

	*vm = (struct drive_vm){ .pid = 0 };
	rc = drive_vm_start(&set->vm, vm, err);
	if (rc)
		return rc;
	snprintf(out->vmm_version, sizeof(out->vmm_version), "%s",
		 qmp_client_version(vm->qmp));
	rc = run_await_ready(vm, &ready_ms, err);
	if (rc)
		return rc;
	if (!out->nr_boots++)
		out->ready_ms = ready_ms;
	return cycles_pin(vm, set->pin, set->nr_pins, &out->nr_pinned, err);
}

static void give_up(struct cycles_probe *p, const struct error *why)
{
	p->broke = true;
	if (!p->nr_ticks)
		snprintf(p->skipped, sizeof(p->skipped),
			 "the guest did not survive it: %.120s", why->text);
}

/* The machine ends; another one takes its place. */
static int reboot(const struct cycles_settings *set, struct drive_vm *vm,
		  struct cycles_boot *out, struct error *err)
{
	/* First: a pid that is reaped may be anyone's. */
	drive_vm_tell_child(&set->vm, 0);
	drive_vm_stop(vm);
	if (out->nr_boots >= MAX_BOOTS)
		return error_set(err, -EPROTO,
				 "%u probes took the guest with them: no more",
				 out->nr_boots);
	return boot(set, vm, out, err);
}

static int turn_of(const struct cycles_settings *set, struct drive_vm *vm,
		   struct cycles_boot *out, unsigned int i, bool *done,
		   struct error *err)
{
	struct cycles_probe *p = &out->probe[i];
	struct error why = { "" };
	int rc;

	if (set->progress)
		set->progress(set->progress_ctx, p->name, p->ring);
	rc = take_turn(set, vm, p, done, &why);
	if (!rc) {
		*done = *done || is_known(set, p);
		return 0;
	}
	if (set->pending && set->pending())
		return 0;
	if (!ends_guest(rc))
		return error_set(err, rc == -EINVAL ? -EPROTO : rc, "%s",
				 why.text);
	give_up(p, &why);
	*done = true;
	return reboot(set, vm, out, err);
}

static int run_turns(const struct cycles_settings *set, struct drive_vm *vm,
		     struct cycles_boot *out, struct error *err)
{
	bool done[CYCLES_MAX_PROBES] = { false };
	unsigned int i, open = out->nr;
	int rc = 0;

	while (open)
		for (i = 0; i < out->nr; i++) {
			if (done[i])
				continue;
			rc = turn_of(set, vm, out, i, &done[i], err);
			if (rc || (set->pending && set->pending()))
				return rc;
			open -= done[i];
		}
	return 0;
}

int cycles_run(const struct cycles_settings *set, struct cycles_boot *out,
	       struct error *err)
{
	struct counters count;
	struct drive_vm vm;
	int rc = boot(set, &vm, out, err);

	if (!rc)
		rc = drive_vm_counters(&vm, NULL, &count, &out->tsc_hz, err);
	if (!rc)
		rc = cycles_list(set, &vm, out, err);
	if (!rc)
		rc = run_turns(set, &vm, out, err);
	if (!rc && set->nested && !(set->pending && set->pending()))
		rc = cycles_nested_run(set, &vm, &out->nested, err);
	drive_vm_tell_child(&set->vm, 0);
	drive_vm_stop(&vm);
	return rc;
}

void cycles_boot_exit(struct cycles_boot *out)
{
	unsigned int i, k;

	for (i = 0; i < out->nr; i++)
		free(out->probe[i].ticks);
	for (i = 0; i < out->nested.nr; i++)
		for (k = 0; k < out->nested.variant[i].nr; k++)
			free(out->nested.variant[i].probe[k].ticks);
	out->nr = out->nested.nr = 0;
}
