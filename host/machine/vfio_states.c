/* SPDX-License-Identifier: MIT */
/* All the machine's vfio-user devices stop and run, one step after the other. */
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "machine/vfio_user_impl.h"

/* Return: where @d goes in this step; its own state: nowhere. */
typedef enum mig_state step(const struct vfio_dev *d);

static enum mig_state to_quiet(const struct vfio_dev *d)
{
	if (!(d->flags & MIG_FLAG_P2P))
		return d->state;
	if (d->state == MIG_STATE_RUNNING)
		return MIG_STATE_RUNNING_P2P;
	return d->state == MIG_STATE_PRE_COPY ? MIG_STATE_PRE_COPY_P2P
					      : d->state;
}

/* What is being saved goes on being saved. */
static enum mig_state to_stop(const struct vfio_dev *d)
{
	return vfio_is_saving(d) ? MIG_STATE_STOP_COPY : MIG_STATE_STOP;
}

static enum mig_state to_stop_copy(const struct vfio_dev *d)
{
	return MIG_STATE_STOP_COPY;
}

static enum mig_state to_ready(const struct vfio_dev *d)
{
	bool runs =
		d->state == MIG_STATE_RUNNING || d->state == MIG_STATE_PRE_COPY;

	return runs || !(d->flags & MIG_FLAG_P2P) ? d->state
						  : MIG_STATE_RUNNING_P2P;
}

/* A save that has not stopped yet is not spoilt by it. */
static enum mig_state to_running(const struct vfio_dev *d)
{
	return d->state == MIG_STATE_PRE_COPY ? d->state : MIG_STATE_RUNNING;
}

static int step_one(struct vfio_dev *d, enum mig_state state, struct error *err)
{
	char what[64];
	int rc;

	if (!d->migratable || d->state == state)
		return 0;
	if (d->state == MIG_STATE_STOP_COPY)
		d->spoilt = true;
	rc = vfio_set_state(d, state);
	if (!rc)
		return 0;
	snprintf(what, sizeof(what), "refused to go to %s, and is in %s",
		 vfio_state_name(state), vfio_state_name(d->state));
	return vfio_blame(d, rc, what, err);
}

/* All of them, also behind one that fails. */
static int step_all(struct machine_vfio *v, step *where, struct error *err)
{
	unsigned int i;
	int rc, ret = 0;

	for (i = 0; i < v->nr; i++) {
		rc = step_one(&v->dev[i], where(&v->dev[i]), err);
		ret = ret ? ret : rc;
	}
	return ret;
}

int machine_vfio_stop(struct machine *m, bool copy, struct error *err)
{
	uint64_t begin = clock_now_ns();
	int rc, ret;

	if (!m->vfio)
		return 0;
	rc = step_all(m->vfio, to_quiet, err);
	ret = step_all(m->vfio, copy ? to_stop_copy : to_stop, err);
	m->vfio->stop_ns = clock_now_ns() - begin;
	return rc ? rc : ret;
}

int machine_vfio_run(struct machine *m, struct error *err)
{
	uint64_t begin = clock_now_ns();
	int rc, ret;

	if (!m->vfio)
		return 0;
	rc = step_all(m->vfio, to_ready, err);
	ret = step_all(m->vfio, to_running, err);
	m->vfio->run_ns = clock_now_ns() - begin;
	return rc ? rc : ret;
}
