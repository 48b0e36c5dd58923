/* SPDX-License-Identifier: MIT */
/* Every arc there could be: the legal ones are gone, the others refused. */
#include "vfio/check_priv.h"

#define NEEDS (CHECK_NEEDS_MIGRATION | CHECK_DESTRUCTIVE)

/*
 * v1 knows fewer: those that its text draws. What it says nothing about is not
 * asked for.
 * Source: Linux 5.17, linux/vfio.h, vfio_device_migration_info, diagram.
 */
static bool v1_knows(uint32_t from, uint32_t to)
{
	static const uint8_t known[][2] = {
		{ MIG_STATE_RUNNING, MIG_STATE_STOP },
		{ MIG_STATE_RUNNING, MIG_STATE_STOP_COPY },
		{ MIG_STATE_RUNNING, MIG_STATE_PRE_COPY },
		{ MIG_STATE_RUNNING, MIG_STATE_RESUMING },
		{ MIG_STATE_PRE_COPY, MIG_STATE_STOP_COPY },
		{ MIG_STATE_PRE_COPY, MIG_STATE_RUNNING },
		{ MIG_STATE_STOP_COPY, MIG_STATE_STOP },
		{ MIG_STATE_STOP_COPY, MIG_STATE_RUNNING },
		{ MIG_STATE_STOP, MIG_STATE_RUNNING },
		{ MIG_STATE_RESUMING, MIG_STATE_RUNNING },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i][0] == from && known[i][1] == to)
			return true;
	return false;
}

/* Combinations included, all is legal but to leave STOP_COPY for pre-copy. */
static bool is_legal(uint32_t from, uint32_t to)
{
	return from != MIG_STATE_STOP_COPY ||
	       (to != MIG_STATE_PRE_COPY && to != MIG_STATE_PRE_COPY_P2P);
}

/* RESUMING wants a stream before it is left. */
static bool go_from(struct check_run *r, uint32_t from)
{
	if (!check_enter(r, from))
		return false;
	if (from != MIG_STATE_RESUMING)
		return true;
	return check_ok(r,
			check_write_stream(r, r->golden.data, r->golden.bytes,
					   CHECK_CHUNK),
			"writing the stream");
}

static void legal_arc(struct check_run *r, const struct check_case *c)
{
	uint32_t state = UINT32_MAX;

	if (!check_ok(r, r->port->set_state(r, c->to), "the arc") ||
	    !check_ok(r, r->port->get_state(r, &state), "asking for the state"))
		return;
	check_that(r, state == c->to, "it says that it is in %s",
		   check_mig_state_name(state));
}

/* Refused, and in a state that there is. */
static void refused_arc(struct check_run *r, uint32_t to)
{
	uint32_t state = UINT32_MAX;

	if (!check_refused(r, r->port->set_state(r, to), "the arc") ||
	    !check_ok(r, r->port->get_state(r, &state), "asking for the state"))
		return;
	check_that(r, state == MIG_STATE_ERROR || check_state_exists(r, state),
		   "it is in state %u then", state);
}

static void run_arc(struct check_run *r, const struct check_case *c)
{
	bool exists = check_state_exists(r, c->to);

	if (!check_state_exists(r, c->from) || (r->device.v1 && !exists))
		return check_skip(r, "no such state with these flags");
	if (r->device.v1 && !v1_knows(c->from, c->to))
		return check_skip(r, "v1 says nothing about it");
	if (c->from == MIG_STATE_RESUMING && !r->device.stream_loads)
		return check_skip(r, "no stream to leave RESUMING with");
	if (!go_from(r, c->from))
		return;
	if (exists && is_legal(c->from, c->to))
		legal_arc(r, c);
	else
		refused_arc(r, c->to);
}

static void run_initial(struct check_run *r, const struct check_case *c)
{
	uint32_t state = UINT32_MAX;

	if (check_ok(r, r->port->reset(r), "RESET") &&
	    check_ok(r, r->port->get_state(r, &state), "asking for the state"))
		check_that(r, state == MIG_STATE_RUNNING, "it is in %s",
			   check_mig_state_name(state));
}

static void run_flags(struct check_run *r, const struct check_case *c)
{
	const uint64_t known =
		MIG_FLAG_STOP_COPY | MIG_FLAG_P2P | MIG_FLAG_PRE_COPY;
	unsigned long long flags = r->device.flags;

	check_that(r, flags & MIG_FLAG_STOP_COPY, "flags 0x%llx", flags);
	if (flags & ~known)
		check_differ(r, "flags 0x%llx: some are new", flags);
}

/* To where there is nothing: from each state. */
static void run_nowhere(struct check_run *r, const struct check_case *c)
{
	static const uint32_t nowhere[] = { MIG_STATE_ERROR, 8, 77, 0x80000000u,
					    UINT32_MAX };
	uint32_t from;
	size_t i;

	for (from = 1; from < MIG_NR_STATES; from++) {
		if (!check_state_exists(r, from) || from == MIG_STATE_RESUMING)
			continue;
		if (!check_enter(r, from))
			return;
		for (i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
			if (!check_that(r,
					r->port->set_state(r, nowhere[i]) != 0,
					"%s to state %u was accepted",
					check_mig_state_name(from), nowhere[i]))
				return;
		}
		if (r->broken[0])
			return;
		r->port->set_state(r, MIG_STATE_RUNNING);
	}
}

static void run_same(struct check_run *r, const struct check_case *c)
{
	uint32_t state;

	for (state = 1; state < MIG_NR_STATES; state++) {
		if (!check_state_exists(r, state) ||
		    state == MIG_STATE_RESUMING)
			continue;
		if (!check_enter(r, state))
			return;
		if (!check_ok(r, r->port->set_state(r, state),
			      check_mig_state_name(state)))
			return;
		r->port->set_state(r, MIG_STATE_RUNNING);
	}
}

#define ARC_RULE                                                               \
	"linux/vfio.h, enum vfio_device_mig_state: arcs, and combinations of " \
	"them by the shortest path without a saving state inside"
#define ILLEGAL_RULE                                                           \
	"vfio-user, direct state transitions: STOP_COPY -> PRE_COPY is not "   \
	"allowed and returns an error"

#define ARC(a, b)                                                              \
	{                                                                      \
		{ "arcs." #a "-" #b, ARC_RULE, CHECK_MUST, NEEDS }, run_arc,   \
			MIG_STATE_##a, MIG_STATE_##b                           \
	}
#define ILLEGAL(a, b)                                                          \
	{                                                                      \
		{ "arcs." #a "-" #b, ILLEGAL_RULE, CHECK_MUST,                 \
		  NEEDS | CHECK_MAY_HANG_KERNEL },                             \
			run_arc, MIG_STATE_##a, MIG_STATE_##b                  \
	}

const struct check_case check_arcs_cases[] = {
	CHECK_CASE(
		"arcs.flags",
		"linux/vfio.h, DEVICE_FEATURE_MIGRATION: STOP_COPY is always set",
		CHECK_MUST, CHECK_NEEDS_MIGRATION | CHECK_NEEDS_V2, run_flags),
	CHECK_CASE(
		"arcs.initial",
		"linux/vfio.h: the initial state, and that after a reset, is "
		"RUNNING",
		CHECK_MUST, NEEDS, run_initial),
	CHECK_CASE(
		"arcs.to-nowhere",
		"linux/vfio.h: ERROR cannot be set; states that there are not, "
		"neither",
		CHECK_MUST, NEEDS, run_nowhere),
	CHECK_CASE(
		"arcs.same",
		"Linux, vfio_mig_get_next_state(): to the state that it is in is "
		"no change and no error",
		CHECK_SHOULD, NEEDS, run_same),
	ARC(RUNNING, STOP),
	ARC(RUNNING, STOP_COPY),
	ARC(RUNNING, RESUMING),
	ARC(RUNNING, RUNNING_P2P),
	ARC(RUNNING, PRE_COPY),
	ARC(RUNNING, PRE_COPY_P2P),
	ARC(STOP, RUNNING),
	ARC(STOP, STOP_COPY),
	ARC(STOP, RESUMING),
	ARC(STOP, RUNNING_P2P),
	ARC(STOP, PRE_COPY),
	ARC(STOP, PRE_COPY_P2P),
	ARC(STOP_COPY, RUNNING),
	ARC(STOP_COPY, STOP),
	ARC(STOP_COPY, RESUMING),
	ARC(STOP_COPY, RUNNING_P2P),
	ILLEGAL(STOP_COPY, PRE_COPY),
	ILLEGAL(STOP_COPY, PRE_COPY_P2P),
	ARC(RESUMING, RUNNING),
	ARC(RESUMING, STOP),
	ARC(RESUMING, STOP_COPY),
	ARC(RESUMING, RUNNING_P2P),
	ARC(RESUMING, PRE_COPY),
	ARC(RESUMING, PRE_COPY_P2P),
	ARC(RUNNING_P2P, RUNNING),
	ARC(RUNNING_P2P, STOP),
	ARC(RUNNING_P2P, STOP_COPY),
	ARC(RUNNING_P2P, RESUMING),
	ARC(RUNNING_P2P, PRE_COPY),
	ARC(RUNNING_P2P, PRE_COPY_P2P),
	ARC(PRE_COPY, RUNNING),
	ARC(PRE_COPY, STOP),
	ARC(PRE_COPY, STOP_COPY),
	ARC(PRE_COPY, RESUMING),
	ARC(PRE_COPY, RUNNING_P2P),
	ARC(PRE_COPY, PRE_COPY_P2P),
	ARC(PRE_COPY_P2P, RUNNING),
	ARC(PRE_COPY_P2P, STOP),
	ARC(PRE_COPY_P2P, STOP_COPY),
	ARC(PRE_COPY_P2P, RESUMING),
	ARC(PRE_COPY_P2P, RUNNING_P2P),
	ARC(PRE_COPY_P2P, PRE_COPY),
};
const size_t check_arcs_nr =
	sizeof(check_arcs_cases) / sizeof(check_arcs_cases[0]);
