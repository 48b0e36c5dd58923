/* SPDX-License-Identifier: MIT */
/* Reset, from every state. */
#include "vfio/check_priv.h"

#define NEEDS (CHECK_NEEDS_MIGRATION | CHECK_DESTRUCTIVE)

static void run_from(struct check_run *r, const struct check_case *c)
{
	uint32_t state = UINT32_MAX;
	uint8_t byte = 0;
	size_t got;
	bool end;
	int rc;

	if (!check_state_exists(r, c->from))
		return check_skip(r, "no such state with these flags");
	if (!check_enter(r, c->from))
		return;
	/* In the middle of things. */
	if (check_state_saves(c->from))
		r->port->data_read(r, &byte, 1, &got, &end);
	if (c->from == MIG_STATE_RESUMING && r->golden.bytes > 2)
		r->port->data_write(r, r->golden.data,
				    r->golden.bytes / 2 < CHECK_CHUNK
					    ? r->golden.bytes / 2
					    : CHECK_CHUNK);
	rc = r->port->reset(r);
	/* In the field: refused while it is stopped. */
	if (rc && r->device.user && !r->broken[0] &&
	    (c->from == MIG_STATE_STOP || c->from == MIG_STATE_STOP_COPY))
		return check_differ(r, "RESET is refused in %s",
				    check_mig_state_name(c->from));
	if (check_ok(r, rc, "RESET") &&
	    check_ok(r, r->port->get_state(r, &state), "asking for the state"))
		check_that(r, state == MIG_STATE_RUNNING, "it is in %s",
			   check_mig_state_name(state));
}

/* What the guest had put there is not there any more. */
static void run_forgets(struct check_run *r, const struct check_case *c)
{
	const uint64_t mark = 0x123456789abcdef0ull;
	uint64_t found = 1;

	if (check_ok(r,
		     r->port->region_write(r, ABI_DMA_BAR_MEMORY, 4096, &mark,
					   sizeof(mark)),
		     "writing BAR 2") &&
	    check_ok(r, r->port->reset(r), "RESET") &&
	    check_ok(r,
		     r->port->region_read(r, ABI_DMA_BAR_MEMORY, 4096, &found,
					  sizeof(found)),
		     "reading BAR 2"))
		check_that(r, !found, "BAR 2 still holds what it held");
}

/* A stream that was being read ends with it. */
static void run_ends_stream(struct check_run *r, const struct check_case *c)
{
	uint8_t byte;
	size_t got = 0;
	bool end = false;
	int rc;

	if (!check_enter(r, MIG_STATE_STOP_COPY) ||
	    !check_ok(r, r->port->data_read(r, &byte, 1, &got, &end),
		      "reading a byte"))
		return;
	if (r->port->reset(r))
		return check_skip(r, "RESET is refused in STOP_COPY");
	if (r->port->set_state(r, MIG_STATE_RUNNING))
		return;
	got = 0;
	rc = r->port->data_read(r, &byte, 1, &got, &end);
	check_that(r, rc || !got, "data is read after the reset");
}

/* Closed where it was, and opened: it runs, or says that it does not. */
static void run_reopen(struct check_run *r, const struct check_case *c)
{
	uint32_t state;
	int rc;

	for (state = 1; state < MIG_NR_STATES; state++) {
		if (!check_state_exists(r, state))
			continue;
		if (!check_enter(r, state))
			return;
		r->port->close(r);
		rc = r->port->open(r);
		if (!check_that(r, !rc, "closed in %s, it cannot be opened",
				check_mig_state_name(state)))
			return;
		/* Whatever it says: a reset is what helps. */
		r->port->set_state(r, MIG_STATE_RUNNING);
		if (!check_that(r, check_recover(r),
				"closed in %s, it does not come to RUNNING",
				check_mig_state_name(state)))
			return;
	}
}

#define RULE                                                                   \
	"linux/vfio.h, vfio-user: RESET returns the device to RUNNING from "   \
	"every state, and aborts what was going on"
#define FROM(state)                                                            \
	{                                                                      \
		{ "reset." #state, RULE, CHECK_MUST, NEEDS }, run_from,        \
			MIG_STATE_##state, 0                                   \
	}

const struct check_case check_reset_cases[] = {
	FROM(RUNNING),
	FROM(STOP),
	FROM(STOP_COPY),
	FROM(RESUMING),
	FROM(RUNNING_P2P),
	FROM(PRE_COPY),
	FROM(PRE_COPY_P2P),
	CHECK_CASE("reset.forgets",
		   "PCI Express 4.0, 6.6.2: registers are as new", CHECK_SHOULD,
		   CHECK_DESTRUCTIVE | CHECK_NEEDS_ENGINE, run_forgets),
	CHECK_CASE("reset.ends-stream", RULE, CHECK_MUST, NEEDS,
		   run_ends_stream),
	CHECK_CASE("reset.reopen",
		   "a device that was closed in any state can be opened and "
		   "used (mtty of Linux 6.12 follows a null pointer: the "
		   "machine has to be reset)",
		   CHECK_MUST,
		   NEEDS | CHECK_NEEDS_KERNEL | CHECK_MAY_HANG_KERNEL,
		   run_reopen),
};
const size_t check_reset_nr =
	sizeof(check_reset_cases) / sizeof(check_reset_cases[0]);
