/* SPDX-License-Identifier: MIT */
/* What the engine asks of the machine. */
#include "machine/state.h"

#include <errno.h>

#include "base/buf.h"
#include "machine/vfio_user.h"
#include "vmm/device.h"
#include "vmm/dirty.h"
#include "vmm/nested.h"
#include "vmm/state.h"

/* Before the machine's own state: what only this layer knows. */
#define HEAD_MAGIC 0x48434d46u /* "FMCH" */
#define HEAD_VERSION 1u

struct head {
	uint32_t magic;
	uint32_t version;
	uint32_t running; /* the source ran before the engine paused it */
	uint32_t reserved;
};

static unsigned int op_nr_regions(void *vm)
{
	return vm_memory(((struct machine *)vm)->vm)->nr_regions;
}

static void op_region(void *vm, unsigned int index,
		      struct migrate_region *ret_region)
{
	const struct guestmem_region *r =
		&vm_memory(((struct machine *)vm)->vm)->region[index];

	ret_region->gpa = r->gpa;
	ret_region->bytes = r->bytes;
	ret_region->hva = r->hva;
}

static int op_log_start(void *vm)
{
	struct machine *m = vm;
	struct error err = { "" };
	int rc = vm_log_start(m->vm);

	if (rc)
		return rc;
	pthread_mutex_lock(&m->lock);
	rc = machine_vfio_log_start(m, &err);
	migration_blame_locked(m, &err);
	pthread_mutex_unlock(&m->lock);
	if (rc)
		vm_log_stop(m->vm);
	return rc;
}

static int op_log_stop(void *vm)
{
	struct machine *m = vm;
	int rc = 0;

	/* Milliseconds, and a machine given away never needs it. */
	pthread_mutex_lock(&m->lock);
	machine_vfio_log_stop(m);
	if (m->run == RUN_RUNNING)
		rc = vm_log_stop(m->vm);
	else
		vm_log_stop_later(m->vm);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int op_fetch_dirty(void *vm, unsigned int index, uint64_t *bitmap,
			  size_t bitmap_bytes)
{
	struct machine *m = vm;
	struct error err = { "" };
	int rc = machine_vfio_fetch_dirty(m, index, &err);

	migration_blame(m, &err);
	return rc ? rc : vm_fetch_dirty(m->vm, index, bitmap, bitmap_bytes);
}

static int op_clear_dirty(void *vm, unsigned int index, uint64_t first,
			  uint64_t nr, const uint64_t *bitmap)
{
	return vm_clear_dirty(((struct machine *)vm)->vm, index, first, nr,
			      bitmap);
}

static int op_touched(void *vm, unsigned int index, uint64_t first,
		      unsigned int nr, uint64_t *ret_bits)
{
	return guestmem_touched(vm_memory(((struct machine *)vm)->vm), index,
				first, nr, ret_bits);
}

static int op_reached(void *vm, unsigned int index, uint64_t end_page,
		      struct error *err)
{
	int rc = machine_vfio_check(vm, err);

	return rc ? rc : machine_prealloc_reached(vm, index, end_page, err);
}

static int op_pause(void *vm)
{
	struct machine *m = vm;
	struct error err = { "" };
	int rc;

	pthread_mutex_lock(&m->lock);
	m->source_ran = m->run == RUN_RUNNING;
	m->stay_stopped = false;
	machine_set_stopped(m, RUN_FINISH_MIGRATE);
	rc = machine_vfio_stop(m, true, &err);
	migration_blame_locked(m, &err);
	pthread_mutex_unlock(&m->lock);
	return m->ended ? -ESHUTDOWN : rc;
}

/* With the lock held. */
static bool may_run(const struct machine *m)
{
	if (!m->source_ran)
		return false;
	return m->migration.outgoing ? !m->stay_stopped : m->autostart;
}

/* Source: go on as before. Target: run, if both sides want that. */
static int op_resume(void *vm)
{
	struct machine *m = vm;
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	if (may_run(m))
		rc = machine_set_running(m);
	/* Paused also if that failed: then `cont` may try. */
	if (m->run != RUN_RUNNING)
		m->run = RUN_PAUSED;
	/* The guest has powered off meanwhile: it is as it would be. */
	if (m->ended && m->migration.outgoing)
		rc = 0;
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int op_save_state(void *vm, struct buf *state)
{
	struct machine *m = vm;
	struct head head = { HEAD_MAGIC, HEAD_VERSION, m->source_ran, 0 };
	struct error err = { "" };
	int rc = buf_append(state, &head, sizeof(head));

	vm_drop_nested(m->vm, m->migration.drop_nested);
	if (!rc)
		rc = vm_state_save(m->vm, state, &err);
	migration_blame(m, &err);
	return rc;
}

int machine_state_head(struct reader *r, bool *ret_ran, struct error *err)
{
	struct head head;

	if (reader_get(r, &head, sizeof(head)) || head.magic != HEAD_MAGIC ||
	    head.version != HEAD_VERSION || head.running > 1 || head.reserved)
		return error_set(err, -EPROTO,
				 "the state is not a machine's of version %u",
				 HEAD_VERSION);
	*ret_ran = head.running;
	return 0;
}

static int load_state(struct machine *m, const uint8_t *state, size_t bytes,
		      struct error *err)
{
	struct reader r = { state, bytes };
	int rc = machine_state_head(&r, &m->source_ran, err);

	return rc ? rc : vm_state_load(m->vm, r.at, r.left, err);
}

static int op_load_state(void *vm, const uint8_t *state, size_t bytes)
{
	struct error err = { "" };
	/* Before `go`, and while the source can still go on. */
	int rc = machine_prealloc_check(vm, &err);

	if (!rc)
		rc = load_state(vm, state, bytes, &err);

	migration_blame(vm, &err);
	return rc;
}

/* Only where it was asked for: the target of an older version knows no such
 * record. */
static int op_announce(void *vm, struct buf *state)
{
	struct machine *m = vm;

	return m->params->commit == VM_COMMIT_PREPARED
		       ? vm_devices_announce(m->vm, state)
		       : 0;
}

static int op_prepare(void *vm, const uint8_t *state, size_t bytes)
{
	struct machine *m = vm;
	struct error err = { "" };
	int rc = vm_devices_prepare(m->vm, state, bytes, &err);

	migration_blame(m, &err);
	return rc;
}

const struct migrate_vm_ops migration_ops = {
	.nr_regions = op_nr_regions,
	.region = op_region,
	.log_start = op_log_start,
	.log_stop = op_log_stop,
	.fetch_dirty = op_fetch_dirty,
	.clear_dirty = op_clear_dirty,
	.touched = op_touched,
	.reached = op_reached,
	.pause = op_pause,
	.resume = op_resume,
	.announce = op_announce,
	.prepare = op_prepare,
	.save_state = op_save_state,
	.load_state = op_load_state,
	.handover = &machine_handover_ops,
	.devices = &machine_vfio_ops,
};
