/* SPDX-License-Identifier: MIT */
/* The device's parts, for the files that it is made of. */
#ifndef VMFERRY_VFIO_DEVICE_PRIV_H
#define VMFERRY_VFIO_DEVICE_PRIV_H

#include "dma.h"
#include "vfio/device.h"
#include "vfio/device_dma.h"
#include "vfio/device_faults.h"
#include "vfio/device_filler.h"
#include "vfio/device_load.h"
#include "vfio/device_log.h"
#include "vfio/device_pci.h"
#include "vfio/device_save.h"
#include "vfio/device_v1.h"
#include "vfio/user_version.h"
#include "vfio/user_wire.h"

#define DEVICE_NR_REGIONS 9u /* VFIO_PCI_NUM_REGIONS */
#define DEVICE_V1_REGION 9u
#define DEVICE_NR_IRQS 5u /* VFIO_PCI_NUM_IRQS */

/* What moves, beside BAR 2 and the filler; as it stands in the stream. */
struct device_core {
	struct abi_dma_regs regs;
	uint64_t irq_steps; /* since the last interrupt, or since RUN */
	uint32_t irq_unanswered;
	uint32_t released; /* the step that was held: do not check it */
	struct pci_state pci;
};

struct device_engine {
	bool seeked; /* is `cursor` at regs.steps? */
	struct oracle_cursor cursor;
	uint64_t last_ns, budget_bytes;
	uint64_t nr_writes, nr_irqs; /* for faults that come now and then */
};

struct vfio_device {
	struct device_params params;
	uint64_t flags; /* MIG_FLAG_* */
	struct device_core core;
	uint8_t *memory; /* BAR 2 */
	int memory_fd;
	struct filler filler;

	uint32_t state; /* enum mig_state; with v1 the one that is meant */
	struct device_save save;
	struct device_load load;
	struct device_v1 v1;

	struct device_engine engine;
	struct dma_table dma;
	struct dma_log log;
	int irq_fd[ABI_DMA_NR_VECTORS];

	struct user_wire *wire; /* NULL = no client */
	struct user_caps peer;
	bool negotiated;
};

static inline bool device_has_fault(const struct vfio_device *d,
				    enum device_fault fault)
{
	return device_faulty(d->params.faults, fault);
}

/* device_model.c: to the state after power on, the client's things kept. */
void device_reset(struct vfio_device *d);
/* device_model.c: forgets what came from a client. */
void device_detach(struct vfio_device *d);
/* device_model.c: raises a vector, or keeps it pending. */
void device_raise(struct vfio_device *d, uint32_t vector);
/* device_model.c: brings what changes by time up to date. */
void device_tick(struct vfio_device *d);

/* device_regs.c: accesses to BAR 0 as abi/dma.h has them. */
void device_regs_read(const struct vfio_device *d, uint64_t offset, void *data,
		      size_t bytes);
void device_regs_write(struct vfio_device *d, uint64_t offset, const void *data,
		       size_t bytes);

/**
 * device_engine_run() - make the steps that are due, for a millisecond or so.
 * @ret_wait_ns: until the next; UINT64_MAX = there is none.
 * Return: 0, or an error of the wire.
 */
int device_engine_run(struct vfio_device *d, uint64_t *ret_wait_ns);
/* May it start transactions now? */
bool device_engine_may(const struct vfio_device *d);

/* device_change.c: as the client asks. 0 or -errno; the state that it ends in
 * is d->state. */
int device_change_state(struct vfio_device *d, uint32_t to);

#endif
