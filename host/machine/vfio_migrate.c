/* SPDX-License-Identifier: MIT */
/* The machine's vfio-user devices as the migration engine sees them. */
#include <errno.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "machine/vfio_user_impl.h"
#include "vmm/dirty.h"

#define PAGE_BYTES 4096u

/* ---- dirty pages -------------------------------------------------------- */

static int start_log(struct vfio_dev *d, struct error *err)
{
	const struct guestmem *mem = vm_memory(d->m->vm);
	struct mig_logging_range range[GUESTMEM_MAX_REGIONS];
	unsigned int i;
	int rc;

	if (!d->migratable)
		return vfio_blame(d, -ENOTTY, "cannot migrate", err);
	for (i = 0; i < mem->nr_regions; i++)
		range[i] = (struct mig_logging_range){ mem->region[i].gpa,
						       mem->region[i].bytes };
	rc = vfio_client_log_start(d->client, PAGE_BYTES, range, i);
	d->logging = !rc;
	return rc ? vfio_blame(d, rc, "cannot log what it writes", err) : 0;
}

/* A machine that stands is saved by STOP_COPY alone: pre-copy would have its
 * devices run. */
static int start_save(struct vfio_dev *d, struct error *err)
{
	int rc;

	d->spoilt = false;
	d->bytes = d->final_bytes = d->dma_pages = 0;
	d->initial_done = true;
	if (!(d->flags & MIG_FLAG_PRE_COPY) || d->state != MIG_STATE_RUNNING)
		return 0;
	d->initial_done = false;
	rc = vfio_set_state(d, MIG_STATE_PRE_COPY);
	return rc ? vfio_blame(d, rc, "refused to go to PRE_COPY", err) : 0;
}

int machine_vfio_log_start(struct machine *m, struct error *err)
{
	unsigned int i;
	int rc = 0;

	/* First all logs: no page may be read before them. */
	for (i = 0; m->vfio && !rc && i < m->vfio->nr; i++)
		rc = start_log(&m->vfio->dev[i], err);
	for (i = 0; m->vfio && !rc && i < m->vfio->nr; i++)
		rc = start_save(&m->vfio->dev[i], err);
	if (rc)
		machine_vfio_log_stop(m);
	return rc;
}

/* The machine's state does not change: a device in pre-copy runs on. */
void machine_vfio_log_stop(struct machine *m)
{
	unsigned int i;

	for (i = 0; m->vfio && i < m->vfio->nr; i++) {
		struct vfio_dev *d = &m->vfio->dev[i];

		if (d->logging)
			vfio_client_log_stop(d->client);
		d->logging = false;
		if (d->state == MIG_STATE_PRE_COPY)
			vfio_set_state(d, MIG_STATE_RUNNING);
	}
}

int machine_vfio_fetch_dirty(struct machine *m, unsigned int region,
			     struct error *err)
{
	const struct guestmem_region *r = &vm_memory(m->vm)->region[region];
	uint64_t pages = r->bytes / PAGE_BYTES;
	unsigned int i;
	int rc;

	for (i = 0; m->vfio && i < m->vfio->nr; i++) {
		struct vfio_dev *d = &m->vfio->dev[i];

		memset(m->vfio->bitmap, 0, BITMAP_BYTES(pages));
		rc = vfio_client_log_report(d->client, r->gpa, r->bytes,
					    PAGE_BYTES, m->vfio->bitmap);
		if (rc == -ENOTCONN)
			return vfio_blame(d, rc, "", err);
		/* Nobody knows what it has told and we have not heard. */
		if (rc)
			bitmap_set_range(m->vfio->bitmap, 0, pages);
		d->dma_pages += bitmap_count(m->vfio->bitmap, pages);
		vm_mark_dirty_bits(m->vm, region, m->vfio->bitmap, pages);
	}
	return 0;
}

/* ---- data --------------------------------------------------------------- */

static unsigned int op_nr(void *vm)
{
	struct machine *m = vm;

	return m->vfio ? m->vfio->nr : 0;
}

static int blame(struct vfio_dev *d, int rc, const char *what)
{
	struct error err = { "" };

	rc = vfio_blame(d, rc, what, &err);
	migration_blame(d->m, &err);
	return rc;
}

/* A device that says no size says nothing of how long it takes. */
static int op_left(void *vm, struct migrate_device_left *ret_left)
{
	struct machine *m = vm;
	unsigned int i;
	int rc;

	for (i = 0; m->vfio && i < m->vfio->nr; i++) {
		struct vfio_dev *d = &m->vfio->dev[i];
		uint64_t bytes = 0;

		rc = vfio_client_data_size(d->client, &bytes);
		if (rc == -ENOTCONN)
			return blame(d, rc, "");
		if (d->state != MIG_STATE_PRE_COPY) {
			ret_left->stopped_bytes += bytes;
			continue;
		}
		bytes = bytes ? bytes : 1;
		ret_left->now_bytes += bytes;
		if (!d->initial_done)
			ret_left->must_bytes += bytes;
	}
	return 0;
}

static ssize_t op_read(void *vm, unsigned int index, void *data, size_t bytes)
{
	struct vfio_dev *d = &((struct machine *)vm)->vfio->dev[index];
	bool stopped = d->state == MIG_STATE_STOP_COPY, end = false;
	size_t done = 0, got = 0;
	int rc = 0;

	if (d->spoilt)
		return blame(d, -EBUSY, "ran again while it was being saved");
	if (!stopped && d->state != MIG_STATE_PRE_COPY)
		return 0;
	while (!rc && done < bytes && !end) {
		rc = vfio_client_data_read(d->client, (uint8_t *)data + done,
					   bytes - done, &got, &end);
		done += rc ? 0 : got;
	}
	if (rc)
		return blame(d, rc, "did not give its state");
	/* The first time: the initial bytes are through. */
	if (end)
		d->initial_done = true;
	d->bytes += done;
	if (stopped)
		d->final_bytes += done;
	return (ssize_t)done;
}

static int op_write(void *vm, unsigned int index, const void *data,
		    size_t bytes, struct error *err)
{
	struct vfio_dev *d = &((struct machine *)vm)->vfio->dev[index];
	uint64_t begin = clock_now_ns();
	int rc = vfio_client_data_write(d->client, data, bytes);

	if (rc)
		return vfio_blame(d, rc, "refused its state", err);
	d->bytes += bytes;
	d->load_ns += clock_now_ns() - begin;
	return 0;
}

static int op_finish(void *vm, unsigned int index, struct error *err)
{
	struct vfio_dev *d = &((struct machine *)vm)->vfio->dev[index];
	uint64_t begin = clock_now_ns();
	int rc = vfio_set_state(d, MIG_STATE_STOP);

	d->load_ns += clock_now_ns() - begin;
	return rc ? vfio_blame(d, rc, "refused its state at the end", err) : 0;
}

const struct migrate_device_ops machine_vfio_ops = {
	.nr = op_nr,
	.left = op_left,
	.read = op_read,
	.write = op_write,
	.finish = op_finish,
};

/* ---- what it took ------------------------------------------------------- */

json_t *machine_vfio_query(struct machine *m)
{
	json_t *list;
	unsigned int i;

	if (!m->vfio)
		return NULL;
	list = json_array();
	for (i = 0; i < m->vfio->nr; i++) {
		struct vfio_dev *d = &m->vfio->dev[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:I, s:I, s:I, s:I}", "name", d->name,
				  "bytes", (json_int_t)d->bytes, "final-bytes",
				  (json_int_t)d->final_bytes, "dma-pages",
				  (json_int_t)d->dma_pages, "load-ns",
				  (json_int_t)d->load_ns));
	}
	return json_pack("{s:I, s:I, s:o}", "stop-ns",
			 (json_int_t)m->vfio->stop_ns, "run-ns",
			 (json_int_t)m->vfio->run_ns, "devices", list);
}
