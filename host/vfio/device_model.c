/* SPDX-License-Identifier: MIT */
/* The device as a whole: made, reset, left by its client. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "vfio/device_priv.h"
#include "vfio/device_states.h"

/* A memfd that the client may map and nobody can cut. */
static int make_memory(size_t bytes, int *ret_fd, uint8_t **ret)
{
	int fd =
		memfd_create("vmferry-device", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p;
	int rc;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto fail;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	*ret_fd = fd;
	*ret = p;
	return 0;
fail:
	rc = -errno;
	close(fd);
	return rc;
}

static uint64_t flags_of(const struct device_params *p)
{
	/* v1 has all but P2P; pre-copy without data is as good as none. */
	if (p->protocol == DEVICE_PROTOCOL_V1)
		return MIG_FLAG_STOP_COPY | MIG_FLAG_PRE_COPY;
	return MIG_FLAG_STOP_COPY | (p->p2p ? MIG_FLAG_P2P : 0) |
	       (p->precopy ? MIG_FLAG_PRE_COPY : 0);
}

static void reset_core(struct vfio_device *d)
{
	memset(&d->core, 0, sizeof(d->core));
	d->core.regs.magic = ABI_DMA_MAGIC;
	d->core.regs.version = ABI_DMA_VERSION;
	d->core.regs.nr_vectors = ABI_DMA_NR_VECTORS;
	device_pci_reset(&d->core.pci);
	memset(d->memory, 0, ABI_DMA_MEMORY_BYTES);
	d->engine = (struct device_engine){ .seeked = false };
}

void device_reset(struct vfio_device *d)
{
	bool refill = d->filler.changes || d->load.active;

	device_save_end(&d->save);
	device_load_abort(&d->load);
	reset_core(d);
	if (refill)
		filler_reset(&d->filler);
	device_v1_reset(&d->v1);
	if (device_has_fault(d, FAULT_WRONG_INITIAL_STATE))
		d->state = MIG_STATE_STOP;
	else if (!device_has_fault(d, FAULT_BAD_RESET))
		d->state = MIG_STATE_RUNNING;
	/* The fault stays in its state; a stream brings it out of that one. */
	else if (d->state == MIG_STATE_RESUMING)
		device_load_begin(d);
}

void device_detach(struct vfio_device *d)
{
	unsigned int i;

	dma_table_clear(&d->dma);
	dma_log_stop(&d->log);
	for (i = 0; i < ABI_DMA_NR_VECTORS; i++) {
		if (d->irq_fd[i] >= 0)
			close(d->irq_fd[i]);
		d->irq_fd[i] = -1;
	}
	d->wire = NULL;
	d->negotiated = false;
	user_caps_default(&d->peer);
}

void device_raise(struct vfio_device *d, uint32_t vector)
{
	struct pollfd p = { .fd = d->irq_fd[vector], .events = POLLOUT };
	const uint64_t one = 1;

	if (++d->engine.nr_irqs % 8 == 0 && device_has_fault(d, FAULT_LOST_IRQ))
		return;
	if (p.fd < 0) {
		d->core.pci.pending |= 1ull << vector;
		return;
	}
	/* A counter that is full is as good as one more; it may be of the kind
	 * that has its writer wait. */
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) &&
	    write(p.fd, &one, sizeof(one)) < 0)
		d->core.pci.pending |= 1ull << vector;
}

void device_tick(struct vfio_device *d)
{
	filler_change(&d->filler, clock_now_ns(),
		      d->state == MIG_STATE_RUNNING ||
			      d->state == MIG_STATE_PRE_COPY);
}

int vfio_device_create(const struct device_params *params,
		       struct vfio_device **ret)
{
	struct vfio_device *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return -ENOMEM;
	d->params = *params;
	d->flags = flags_of(params);
	d->irq_fd[0] = d->irq_fd[1] = -1;
	d->memory_fd = d->v1.fd = -1;
	rc = make_memory(ABI_DMA_MEMORY_BYTES, &d->memory_fd, &d->memory);
	if (!rc && params->protocol == DEVICE_PROTOCOL_V1)
		rc = make_memory(DEVICE_V1_REGION_BYTES, &d->v1.fd,
				 &d->v1.data);
	if (!rc)
		rc = filler_init(&d->filler, params->state_bytes,
				 params->precopy_rate_bytes_per_s);
	if (rc) {
		vfio_device_destroy(d);
		return rc;
	}
	d->state = MIG_STATE_RUNNING;
	device_detach(d);
	device_reset(d);
	*ret = d;
	return 0;
}

void vfio_device_destroy(struct vfio_device *d)
{
	if (!d)
		return;
	device_detach(d);
	device_save_end(&d->save);
	device_load_abort(&d->load);
	filler_exit(&d->filler);
	if (d->memory)
		munmap(d->memory, ABI_DMA_MEMORY_BYTES);
	if (d->memory_fd >= 0)
		close(d->memory_fd);
	if (d->v1.data)
		munmap(d->v1.data, DEVICE_V1_REGION_BYTES);
	if (d->v1.fd >= 0)
		close(d->v1.fd);
	free(d);
}
