/* SPDX-License-Identifier: MIT */
/*
 * A PCI device of our own that can be moved: the DMA engine of
 * guest/abi/dma.h, served over vfio-user to one client after another.
 */
#ifndef VMFERRY_VFIO_DEVICE_H
#define VMFERRY_VFIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum device_protocol {
	DEVICE_PROTOCOL_V2, /* features, MIG_DATA messages */
	DEVICE_PROTOCOL_V1, /* a migration region */
};

/* How BAR 2 may be had, and with v1 the data of the migration region. */
enum device_mapping {
	DEVICE_MAPPED, /* all of it */
	DEVICE_SPARSE, /* all but its first page */
	DEVICE_TRAPPED, /* by messages only */
};

struct device_params {
	uint64_t state_bytes; /* of state beside registers and BAR 2 */
	uint64_t precopy_rate_bytes_per_s; /* at which that changes */
	uint64_t initial_bytes; /* of it, until pre-copy's first end */
	uint64_t save_delay_ns, load_delay_ns;
	bool p2p, precopy;
	enum device_protocol protocol;
	enum device_mapping mapping;
	uint32_t faults; /* 1 << enum device_fault */
	uint32_t fail_state; /* enum mig_state: a change to it fails ... */
	int fail_errno; /* ... with this, positive; 0 = none does */
};

struct vfio_device;

/* 0, -ENOMEM, or what memfd_create(2) said. */
int vfio_device_create(const struct device_params *params,
		       struct vfio_device **ret);
void vfio_device_destroy(struct vfio_device *d);

/**
 * vfio_device_serve() - be the device of whoever connects, one at a time.
 * @listen_fd: a listening UNIX socket; stays the caller's.
 * @stop_fd: returns soon after it is readable.
 * @log: told in one sentence why a client was left; may be NULL.
 *
 * The device keeps its state from client to client; DMA regions and event
 * descriptors go with the client.
 *
 * Return: 0 when stopped, or what poll(2) or accept(2) said.
 */
int vfio_device_serve(struct vfio_device *d, int listen_fd, int stop_fd,
		      void (*log)(void *ctx, const char *text), void *ctx);

/* The same for one client that is connected already; @fd is owned. -ENODATA:
 * the client went away. */
int vfio_device_serve_one(struct vfio_device *d, int fd, int stop_fd,
			  struct error *err);

#endif
