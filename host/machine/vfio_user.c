/* SPDX-License-Identifier: MIT */
/* vfio-user devices become the machine's. */
#include "machine/vfio_user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "machine/vfio_user_impl.h"
#include "vmm/dirty.h"
#include "vmm/pci_proxy.h"

#define PAGE_BYTES 4096u
/* A device may take its time to load or save; not for ever. */
#define REPLY_TIMEOUT_MS 30000u

/* ---- what the guest does ------------------------------------------------ */

static int config_read(void *ctx, uint64_t offset, void *data, size_t bytes)
{
	struct vfio_dev *d = ctx;

	return vfio_client_read(d->client, VFIO_PCI_CONFIG_REGION_INDEX, offset,
				data, (uint32_t)bytes);
}

static int config_write(void *ctx, uint64_t offset, const void *data,
			size_t bytes)
{
	struct vfio_dev *d = ctx;

	return vfio_client_write(d->client, VFIO_PCI_CONFIG_REGION_INDEX,
				 offset, data, (uint32_t)bytes);
}

static int bar_read(void *ctx, unsigned int bar, uint64_t offset, void *data,
		    size_t bytes)
{
	struct vfio_dev *d = ctx;

	return vfio_client_read(d->client, VFIO_PCI_BAR0_REGION_INDEX + bar,
				offset, data, (uint32_t)bytes);
}

static int bar_write(void *ctx, unsigned int bar, uint64_t offset,
		     const void *data, size_t bytes)
{
	struct vfio_dev *d = ctx;

	return vfio_client_write(d->client, VFIO_PCI_BAR0_REGION_INDEX + bar,
				 offset, data, (uint32_t)bytes);
}

static int set_vectors(void *ctx, const int *fds, unsigned int nr)
{
	struct vfio_dev *d = ctx;

	return vfio_client_set_irqs(d->client, VFIO_PCI_MSIX_IRQ_INDEX, 0, nr,
				    fds);
}

static const struct pci_proxy_ops proxy_ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.set_vectors = set_vectors,
};

/* ---- what the device does ----------------------------------------------- */

/* It has no descriptor for that memory, or does not use it. */
static int on_dma(void *ctx, uint64_t gpa, void *data, uint64_t bytes,
		  bool write)
{
	struct vfio_dev *d = ctx;
	struct vm *vm = d->m->vm;
	void *at = guestmem_at(vm_memory(vm), gpa, bytes);

	if (!at)
		return -EFAULT;
	memcpy(write ? at : data, write ? data : at, bytes);
	if (write)
		vm_mark_dirty(vm, gpa, bytes);
	return 0;
}

static void on_lost(struct vfio_dev *d, const char *sentence)
{
	struct error err = { "" };
	struct machine *m = d->m;
	bool quiet;

	error_set(&err, 0, "a vfio-user device was lost: %s", sentence);
	pthread_mutex_lock(&m->lock);
	/* It went with its machine; or the target's engine finds out, and can
	 * tell the source. */
	quiet = m->run == RUN_POSTMIGRATE ||
		(m->run == RUN_INMIGRATE && m->migration.active);
	d->lost_why = err;
	d->is_lost = true;
	pthread_mutex_unlock(&m->lock);
	if (!quiet)
		machine_failed(m, err.text);
}

int machine_vfio_check(struct machine *m, struct error *err)
{
	unsigned int i;

	for (i = 0; m->vfio && i < m->vfio->nr; i++)
		if (m->vfio->dev[i].is_lost)
			return error_set(err, -EIO, "%s",
					 m->vfio->dev[i].lost_why.text);
	return 0;
}

/* ---- states ------------------------------------------------------------- */

static const char *const state_names[MIG_NR_STATES] = {
	"ERROR",    "STOP",	   "RUNNING",  "STOP_COPY",
	"RESUMING", "RUNNING_P2P", "PRE_COPY", "PRE_COPY_P2P",
};

const char *vfio_state_name(enum mig_state state)
{
	return state_names[state];
}

/* What a peer says that is none counts as an error of its. */
static enum mig_state read_state(struct vfio_dev *d)
{
	uint32_t state = MIG_STATE_ERROR;

	if (vfio_client_get_state(d->client, &state) || state >= MIG_NR_STATES)
		return MIG_STATE_ERROR;
	return (enum mig_state)state;
}

int vfio_set_state(struct vfio_dev *d, enum mig_state state)
{
	int rc = vfio_client_set_state(d->client, state);

	d->state = rc ? read_state(d) : state;
	return rc;
}

int vfio_blame(struct vfio_dev *d, int rc, const char *what, struct error *err)
{
	if (rc == -ENOTCONN)
		return error_set(err, -EIO, "a vfio-user device was lost: %s",
				 vfio_client_why(d->client));
	return error_set(err, rc, "the vfio-user device at %s %s: %s", d->path,
			 what, strerrordesc_np(-rc));
}

/* ---- making it the machine's -------------------------------------------- */

/* Whatever an earlier client left: servers refuse a reset in some states, and
 * everything else too. */
static int make_fresh(struct vfio_dev *d)
{
	int rc = vfio_client_reset(d->client);

	d->flags = vfio_client_flags(d->client);
	d->migratable = d->flags & MIG_FLAG_STOP_COPY;
	d->state = MIG_STATE_RUNNING;
	if (!d->migratable)
		return rc;
	if (rc && rc != -ENOTCONN) {
		rc = vfio_set_state(d, MIG_STATE_RUNNING);
		if (!rc)
			rc = vfio_client_reset(d->client);
	}
	d->state = read_state(d);
	return rc;
}

static int map_memory(struct vfio_dev *d)
{
	const struct guestmem *mem = vm_memory(d->m->vm);
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < mem->nr_regions; i++)
		rc = vfio_client_map(
			d->client, mem->region[i].gpa, mem->region[i].bytes,
			true, mem->region[i].memfd, 0, mem->region[i].hva);
	return rc;
}

static void take_bar(const struct vfio_region *r, struct pci_proxy_bar *bar)
{
	unsigned int i;

	bar->bytes = r->bytes;
	bar->nr_areas = r->nr_areas < PCI_PROXY_MAX_AREAS ? r->nr_areas
							  : PCI_PROXY_MAX_AREAS;
	for (i = 0; i < bar->nr_areas; i++)
		bar->area[i] = (struct pci_proxy_area){
			.offset = r->area[i].offset,
			.bytes = r->area[i].bytes,
			.fd = r->fd,
			.fd_offset = r->fd_offset + r->area[i].offset,
		};
}

static int add_proxy(struct vfio_dev *d, struct error *err)
{
	struct pci_proxy_params p = {
		.name = d->name,
		.ops = &proxy_ops,
		.ctx = d,
	};
	struct vfio_region r[PCI_NR_BARS];
	unsigned int i, nr = 0;
	uint32_t vectors = 0;
	int rc = 0;

	for (; !rc && nr < PCI_NR_BARS; nr += !rc) {
		rc = vfio_client_region(
			d->client, VFIO_PCI_BAR0_REGION_INDEX + nr, &r[nr]);
		if (!rc)
			take_bar(&r[nr], &p.bar[nr]);
	}
	if (!rc)
		rc = vfio_client_irq_count(d->client, VFIO_PCI_MSIX_IRQ_INDEX,
					   &vectors);
	p.nr_vectors = vectors;
	rc = rc ? error_set(err, rc,
			    "the vfio-user device at %s does not say what it "
			    "is: %s",
			    d->path, strerrordesc_np(-rc))
		: pci_proxy_add(d->m->vm, &p, err);
	for (i = 0; i < nr; i++)
		if (r[i].fd >= 0)
			close(r[i].fd);
	return rc;
}

static int open_device(struct vfio_dev *d, const char *path, struct error *err)
{
	const struct vfio_client_params params = {
		.target = path,
		.timeout_ms = REPLY_TIMEOUT_MS,
		.cancel_fd = -1,
		.dma = on_dma,
		.ctx = d,
	};
	int rc = vfio_client_open(&params, &d->client, err);

	if (rc)
		return rc;
	rc = make_fresh(d);
	if (!rc)
		rc = map_memory(d);
	if (!rc)
		rc = vfio_listen(d, on_lost);
	if (rc)
		return error_set(err, rc,
				 "the vfio-user device at %s cannot be made "
				 "ready: %s",
				 path, strerrordesc_np(-rc));
	rc = add_proxy(d, err);
	if (rc || !d->m->params->incoming)
		return rc;
	rc = d->migratable ? vfio_set_state(d, MIG_STATE_RESUMING) : -ENOTTY;
	return rc ? error_set(err, rc,
			      "the vfio-user device at %s cannot take another "
			      "one's state: %s",
			      path,
			      rc == -ENOTTY ? "it cannot migrate"
					    : strerrordesc_np(-rc))
		  : 0;
}

static uint64_t *make_bitmap(const struct guestmem *mem)
{
	uint64_t pages = 1;
	unsigned int i;

	for (i = 0; i < mem->nr_regions; i++)
		if (mem->region[i].bytes / PAGE_BYTES > pages)
			pages = mem->region[i].bytes / PAGE_BYTES;
	return malloc(BITMAP_BYTES(pages));
}

int machine_vfio_open(struct machine *m, struct error *err)
{
	const struct vfio_user_list *list = &m->params->vfio_user;
	struct machine_vfio *v;
	int rc = 0;

	if (!list->nr)
		return 0;
	v = m->vfio = calloc(1, sizeof(*v));
	if (v)
		v->bitmap = make_bitmap(vm_memory(m->vm));
	if (!v || !v->bitmap)
		return error_set(err, -ENOMEM, "out of memory");
	while (!rc && v->nr < list->nr) {
		struct vfio_dev *d = &v->dev[v->nr];

		d->m = m;
		d->stop_fd = -1;
		d->path = list->path[v->nr];
		snprintf(d->name, sizeof(d->name), "vfio%u", v->nr);
		rc = open_device(d, list->path[v->nr++], err);
	}
	return rc;
}

void machine_vfio_quiet(struct machine *m)
{
	unsigned int i;

	for (i = 0; m->vfio && i < m->vfio->nr; i++)
		vfio_listen_end(&m->vfio->dev[i]);
}

void machine_vfio_close(struct machine *m)
{
	unsigned int i;

	if (!m->vfio)
		return;
	for (i = 0; i < m->vfio->nr; i++)
		vfio_client_close(m->vfio->dev[i].client);
	free(m->vfio->bitmap);
	free(m->vfio);
	m->vfio = NULL;
}
