/* SPDX-License-Identifier: MIT */
/* What the device does on each arc of the migration state machine. */
#include <errno.h>

#include "base/clock.h"
#include "vfio/device_priv.h"
#include "vfio/device_states.h"

/* Without a path, or one that a fault opens. */
static int next_state(const struct vfio_device *d, uint32_t to, uint32_t *ret)
{
	if (device_has_fault(d, FAULT_ILLEGAL_ARC) &&
	    d->state == MIG_STATE_STOP_COPY && to == MIG_STATE_PRE_COPY &&
	    device_state_exists(to, d->flags)) {
		*ret = to;
		return 0;
	}
	return device_state_next(d->state, to, d->flags, ret);
}

static void delay(uint64_t ns)
{
	if (ns)
		clock_sleep_until_ns(clock_now_ns() + ns);
}

static int begin_saving(struct vfio_device *d, uint32_t to)
{
	int rc = 0;

	if (!d->save.active)
		rc = device_save_begin(d);
	if (!rc && to == MIG_STATE_STOP_COPY) {
		delay(d->params.save_delay_ns);
		device_save_stop(d);
	}
	return rc;
}

/* One arc. */
static int step(struct vfio_device *d, uint32_t to)
{
	int rc = 0;

	if (d->params.fail_errno && to == d->params.fail_state)
		return -d->params.fail_errno;
	if (device_state_saves(to))
		rc = begin_saving(d, to);
	else if (to == MIG_STATE_RESUMING)
		rc = device_load_begin(d);
	else if (d->state == MIG_STATE_RESUMING) {
		delay(d->params.load_delay_ns);
		rc = device_load_finish(d);
	}
	if (rc)
		return rc;
	if (device_state_saves(d->state) && !device_state_saves(to))
		device_save_end(&d->save);
	d->state = to;
	return 0;
}

int device_change_state(struct vfio_device *d, uint32_t to)
{
	uint32_t next;
	int rc = 0;

	device_tick(d);
	if (!device_state_exists(to, d->flags))
		return -EINVAL;
	while (!rc && d->state != to) {
		rc = next_state(d, to, &next);
		if (!rc)
			rc = step(d, next);
	}
	return rc;
}
