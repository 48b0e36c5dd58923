/* SPDX-License-Identifier: MIT */
/* The workload's nested guest through a migration: what L1 and L2 counted. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "drive/run_internal.h"

static const char *const names[] = {
	[ABI_L2_LOST] = "lost",	      [ABI_L2_DOUBLED] = "doubled",
	[ABI_L2_ANSWER] = "answer",   [ABI_L2_REGISTERS] = "registers",
	[ABI_L2_VECTORS] = "vectors", [ABI_L2_ENTRY] = "entry",
};

void run_l2_parameters(const struct run *r, json_t *parameters)
{
	const struct sabotage_params *s = &r->set->sabotage;

	if (s->count && s->kind == SABOTAGE_DROP_NESTED)
		json_object_set_new(parameters, "x-sabotage-drop-nested-state",
				    json_true());
}

static bool look(const struct run *r, const struct drive_vm *vm,
		 const struct drive_vm *where, struct abi_l2 *ret)
{
	uint64_t at = where->control_gpa + offsetof(struct abi_control, l2);

	return workload_l2_mode(&r->set->workload) && !r->attached &&
	       !vm->blind && where->control_gpa &&
	       !ram_read(&vm->ram, at, ret, sizeof(*ret));
}

void run_l2_final(struct run *r)
{
	struct run_l2 *l2 = &r->out->l2;

	l2->stop_known = look(r, &r->source, &r->source, &l2->at_stop);
}

void run_l2_look(struct run *r, bool ended)
{
	struct run_l2 *l2 = &r->out->l2;

	l2->known = look(r, &r->target, &r->source, &l2->last);
	l2->ended = l2->known && ended;
}

const char *run_l2_bad_name(const struct run_l2 *l2)
{
	return l2->known && l2->last.nr_bad &&
			       l2->last.bad < sizeof(names) / sizeof(names[0])
		       ? names[l2->last.bad]
		       : NULL;
}

/* It must have gone on, each side with the count that it had. */
static bool went_on(const struct run_l2 *l2)
{
	bool runs = l2->last.mode == ABI_L2_CPUID ||
		    l2->last.mode == ABI_L2_DIRTY || l2->ended;

	if (l2->last.mode != l2->at_stop.mode ||
	    l2->last.exits < l2->at_stop.exits)
		return false;
	return !runs || l2->last.rounds > l2->at_stop.rounds;
}

const char *run_l2_bad(const struct run_l2 *l2, char *text)
{
	const char *name = run_l2_bad_name(l2);
	const struct abi_l2 *l = &l2->last;

	if (!l2->known)
		return NULL;
	if (l->nr_bad)
		snprintf(text, 200,
			 "the nested guest: %" PRIu32 " findings, the first "
			 "'%s' in round %" PRIu64 " (0x%" PRIx64 ")",
			 l->nr_bad, name ? name : "?", l->bad_round,
			 l->bad_detail);
	else if (l2->ended && l->exits != l->rounds)
		snprintf(text, 200,
			 "L2 made %" PRIu64 " exits and L1 counted %" PRIu64,
			 l->rounds, l->exits);
	else if (l2->stop_known && !went_on(l2))
		snprintf(text, 200,
			 "the nested guest did not go on where it was: %" PRIu64
			 " rounds before, %" PRIu64 " now",
			 l2->at_stop.rounds, l->rounds);
	else
		return NULL;
	return text;
}
