/* SPDX-License-Identifier: MIT */
/*
 * The machine's vfio-user devices: joins pci_proxy.h, the client of
 * host/vfio and the migration engine.
 *
 * A device is made the machine's own: whatever an earlier client left, it is
 * reset, has all of guest memory mapped for DMA (RAM and the control area, by
 * their descriptors), and its interrupts. A target's devices wait in RESUMING
 * from the beginning, since servers in the field take nothing else while they
 * are stopped.
 *
 * Order. Stopping: vCPUs, then all devices into their P2P states (no device
 * begins an access, all still answer those of others), then all into STOP, or
 * STOP_COPY if they are being saved. Running is the reverse. A device without
 * P2P makes one step of it. One that cannot migrate goes on while the machine
 * is stopped, and keeps it from migrating.
 *
 * Dirty pages: the devices' logs are joined with the machine's when the engine
 * fetches; the last time that is behind the stop, so behind the last DMA.
 */
#ifndef VMFERRY_MACHINE_VFIO_USER_H
#define VMFERRY_MACHINE_VFIO_USER_H

#include "base/error.h"
#include "machine/state.h"

/* Connects to params->vfio_user; fine if there are none. Each with a
 * sentence. Context: the machine is there, nothing is loaded. */
int machine_vfio_open(struct machine *m, struct error *err);
/* No event of a device's comes after it. Before the machine goes. */
void machine_vfio_quiet(struct machine *m);
/* Behind the machine's end. */
void machine_vfio_close(struct machine *m);

/* -EIO and a sentence if one has gone. Any thread. */
int machine_vfio_check(struct machine *m, struct error *err);

/* See above. A failure leaves some running, some not; the caller tries the
 * other direction. */
int machine_vfio_run(struct machine *m, struct error *err);
/* @copy: to be saved, whether that has begun or not. */
int machine_vfio_stop(struct machine *m, bool copy, struct error *err);

/* For struct migrate_vm_ops; nothing without devices. The first two with the
 * lock held, so that nobody stops or runs them meanwhile. */
int machine_vfio_log_start(struct machine *m, struct error *err);
void machine_vfio_log_stop(struct machine *m);
/* Joins the devices' log of a region of vm_memory() with the machine's. */
int machine_vfio_fetch_dirty(struct machine *m, unsigned int region,
			     struct error *err);
extern const struct migrate_device_ops machine_vfio_ops;

/* What the last migration took, all together and a device; NULL: there are
 * none. */
json_t *machine_vfio_query(struct machine *m);

#endif
