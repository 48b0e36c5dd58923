/* SPDX-License-Identifier: MIT */
/* The device between checks: brought back, and brought somewhere. */
#include <errno.h>

#include "base/clock.h"
#include "vfio/check_priv.h"

static const char *const names[MIG_NR_STATES] = {
	[MIG_STATE_ERROR] = "ERROR",
	[MIG_STATE_STOP] = "STOP",
	[MIG_STATE_RUNNING] = "RUNNING",
	[MIG_STATE_STOP_COPY] = "STOP_COPY",
	[MIG_STATE_RESUMING] = "RESUMING",
	[MIG_STATE_RUNNING_P2P] = "RUNNING_P2P",
	[MIG_STATE_PRE_COPY] = "PRE_COPY",
	[MIG_STATE_PRE_COPY_P2P] = "PRE_COPY_P2P",
};

const char *check_mig_state_name(uint32_t state)
{
	return state < MIG_NR_STATES ? names[state] : "none that there is";
}

bool check_state_exists(const struct check_run *r, uint32_t state)
{
	uint64_t f = r->device.flags;

	switch (state) {
	case MIG_STATE_STOP:
	case MIG_STATE_RUNNING:
	case MIG_STATE_STOP_COPY:
	case MIG_STATE_RESUMING:
		return true;
	case MIG_STATE_RUNNING_P2P:
		return f & MIG_FLAG_P2P;
	case MIG_STATE_PRE_COPY:
		return f & MIG_FLAG_PRE_COPY;
	case MIG_STATE_PRE_COPY_P2P:
		return (f & MIG_FLAG_PRE_COPY) && (f & MIG_FLAG_P2P);
	default:
		return false;
	}
}

bool check_state_saves(uint32_t state)
{
	return state == MIG_STATE_STOP_COPY || state == MIG_STATE_PRE_COPY ||
	       state == MIG_STATE_PRE_COPY_P2P;
}

int check_time_left_ms(const struct check_run *r)
{
	uint64_t now = clock_now_ns();

	if (now >= r->deadline_ns)
		return 0;
	return (int)((r->deadline_ns - now) / NSEC_PER_MSEC + 1);
}

/*
 * A device that was left in RESUMING takes its own stream, if nothing else
 * brings it out. GET is not believed: what it says is under test.
 */
static bool to_running(struct check_run *r)
{
	const struct check_blob *g = &r->golden;

	if (!r->port->set_state(r, MIG_STATE_RUNNING))
		return true;
	if (r->broken[0] || !r->device.stream_loads)
		return false;
	if (check_write_stream(r, g->data, g->bytes, CHECK_CHUNK))
		return false;
	return !r->port->set_state(r, MIG_STATE_RUNNING);
}

bool check_recover(struct check_run *r)
{
	if (!r->device.migration) {
		r->port->reset(r);
		return !r->broken[0];
	}
	/*
	 * Deployed servers refuse a reset while they are stopped; a driver that
	 * was left in RESUMING may follow a pointer that is gone (mtty of Linux
	 * 6.12) unless it is reset first.
	 */
	if (r->device.user)
		r->port->set_state(r, MIG_STATE_RUNNING);
	r->port->reset(r);
	return !r->broken[0] && to_running(r);
}

bool check_enter(struct check_run *r, uint32_t state)
{
	int rc = r->port->set_state(r, state);

	if (!rc)
		return !r->decided;
	if (r->broken[0])
		check_fail(r, "going to %s: %s", check_mig_state_name(state),
			   r->broken);
	else
		check_skip(r, "the device does not go to %s, see arcs",
			   check_mig_state_name(state));
	return false;
}
