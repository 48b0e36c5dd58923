/* SPDX-License-Identifier: MIT */
/*
 * The probes in a guest of the guest: its variants in turn, each proved first.
 * What a variant is and how it is proved, the guest knows.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "drive/cycles_internal.h"

#define TURNS 3u
#define TURN_ROUNDS 200u
/* KVM's counters: the console's own exits fall out of the difference. */
#define FEW_ROUNDS 100u
#define MANY_ROUNDS 1100u

/* What is asked in L2: exits to L1, and exits that L1 does not see. */
static const char *const inner[] = {
	"cpuid",	"rdmsr_passed", "rdmsr_trapped", "port_in_pic",
	"port_in_uart", "mmio_nobody",	"l2_flush",
};

#define NR_INNER (sizeof(inner) / sizeof(inner[0]))

_Static_assert(NR_INNER <= CYCLES_MAX_INNER, "room for all");

static int ask(const struct cycles_settings *set, struct drive_vm *vm,
	       const char *what, struct console_line *ret_line,
	       struct error *err)
{
	int rc = console_command(vm->console, (int)(set->watchdog_ns / 1000000),
				 ret_line, err, "cycles nested=%s", what);

	return rc == -EINVAL ? -EPROTO : rc;
}

static bool is_wanted(const struct cycles_settings *set, const char *name)
{
	unsigned int i;

	for (i = 0; i < set->nr_variants; i++)
		if (!strcmp(set->variant[i], name))
			return true;
	return !set->nr_variants;
}

/* "nested=vmx variants=a,b,c". */
static int take_list(const struct cycles_settings *set,
		     struct console_line *line, struct cycles_nested *out,
		     struct error *err)
{
	char *text = strstr(line->text, "nested="), *names, *word, *save;
	const char *why = cycles_skip(line);

	if (why) {
		snprintf(out->missing, sizeof(out->missing), "%.159s", why);
		return 0;
	}
	names = text ? strstr(text, " variants=") : NULL;
	if (!names)
		return error_set(err, -EPROTO,
				 "the guest's list of variants makes no sense: "
				 "%s",
				 line->text);
	*names = '\0';
	snprintf(out->backend, sizeof(out->backend), "%.15s",
		 text + strlen("nested="));
	names += strlen(" variants=");
	for (word = strtok_r(names, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		if (out->nr == CYCLES_MAX_VARIANTS || !is_wanted(set, word))
			continue;
		out->variant[out->nr].l0_exits = NAN;
		snprintf(out->variant[out->nr++].name, CYCLES_NAME_BYTES,
			 "%.31s", word);
	}
	if (!out->nr)
		return error_set(err, -EINVAL,
				 "--variant: %s has none of that name; all "
				 "shows them",
				 out->backend);
	return 0;
}

static int prove(const struct cycles_settings *set, struct drive_vm *vm,
		 struct cycles_variant *v, struct error *err)
{
	struct console_line line;
	const char *why;
	int rc = ask(set, vm, v->name, &line, err);

	if (rc)
		return rc;
	why = cycles_skip(&line);
	if (why) {
		snprintf(v->skipped, sizeof(v->skipped), "%.159s", why);
		return 0;
	}
	v->proof = strstr(line.text, " proof=pass") ? CYCLES_PROVED
						    : CYCLES_DISPROVED;
	why = strstr(line.text, " why=");
	if (v->proof == CYCLES_DISPROVED)
		snprintf(v->why, sizeof(v->why), "%.159s",
			 why ? why + 5 : line.text);
	return 0;
}

static int take_inner(const struct cycles_settings *set, struct drive_vm *vm,
		      const struct cycles_variant *v, struct cycles_probe *p,
		      uint64_t rounds, double *ret_exits, bool *ret_done,
		      struct error *err)
{
	char command[128];
	struct console_line line;
	uint64_t exits = 0;
	int rc;

	snprintf(command, sizeof(command),
		 "cycles nested=%s probe=%s rounds=%" PRIu64, v->name, p->name,
		 rounds);
	rc = cycles_take(set, vm, command, p, ret_done, &line, err);
	if (!rc && !*ret_done && console_number(&line, "rounds", &rounds) &&
	    console_number(&line, "l1_exits", &exits) && rounds)
		*ret_exits = (double)exits / (double)rounds;
	return rc == -EINVAL ? -EPROTO : rc;
}

static int measure(const struct cycles_settings *set, struct drive_vm *vm,
		   struct cycles_variant *v, const char *name,
		   struct error *err)
{
	struct cycles_probe *p = &v->probe[v->nr];
	unsigned int turn;
	bool done = false;
	int rc = 0;

	snprintf(p->name, sizeof(p->name), "%s", name);
	cycles_stats_compute(NULL, 0, &p->stats);
	v->l1_exits[v->nr++] = NAN;
	if (set->progress)
		set->progress(set->progress_ctx, v->name, 0);
	for (turn = 0; !rc && turn < TURNS && !done; turn++) {
		if (p->spent_ns >= set->limit_ns)
			break;
		rc = take_inner(set, vm, v, p, TURN_ROUNDS,
				&v->l1_exits[v->nr - 1], &done, err);
	}
	return rc;
}

/* KVM's exits of vCPU 0. -1: not known. */
static int64_t exits_of(struct drive_vm *vm)
{
	json_t *list = NULL;
	int64_t n = -1;

	if (drive_vm_execute(vm, "x-query-stats", NULL, &list, NULL))
		return -1;
	if (json_is_integer(json_object_get(json_array_get(list, 0), "exits")))
		n = json_integer_value(
			json_object_get(json_array_get(list, 0), "exits"));
	json_decref(list);
	return n;
}

static int64_t exits_for(const struct cycles_settings *set, struct drive_vm *vm,
			 const struct cycles_variant *v, uint64_t rounds)
{
	struct cycles_probe p = { .name = "cpuid" };
	int64_t before = exits_of(vm), after = -1;
	double ignored;
	bool done;

	if (before >= 0 &&
	    !take_inner(set, vm, v, &p, rounds, &ignored, &done, NULL))
		after = exits_of(vm);
	free(p.ticks);
	return before < 0 || after < 0 ? -1 : after - before;
}

static double count_l0(const struct cycles_settings *set, struct drive_vm *vm,
		       const struct cycles_variant *v)
{
	int64_t few = exits_for(set, vm, v, FEW_ROUNDS);
	int64_t many = few < 0 ? -1 : exits_for(set, vm, v, MANY_ROUNDS);

	return many < 0 ? NAN
			: (double)(many - few) / (MANY_ROUNDS - FEW_ROUNDS);
}

static int one(const struct cycles_settings *set, struct drive_vm *vm,
	       struct cycles_variant *v, struct error *err)
{
	int rc = prove(set, vm, v, err);
	size_t i;

	if (rc || v->proof != CYCLES_PROVED)
		return rc;
	for (i = 0; !rc && i < NR_INNER; i++)
		rc = measure(set, vm, v, inner[i], err);
	if (!rc)
		v->l0_exits = count_l0(set, vm, v);
	return rc;
}

int cycles_nested_run(const struct cycles_settings *set, struct drive_vm *vm,
		      struct cycles_nested *out, struct error *err)
{
	struct console_line line;
	unsigned int i;
	int rc = ask(set, vm, "list", &line, err);

	if (!rc)
		rc = take_list(set, &line, out, err);
	for (i = 0; !rc && i < out->nr; i++) {
		if (set->pending && set->pending())
			break;
		rc = one(set, vm, &out->variant[i], err);
	}
	return rc;
}
