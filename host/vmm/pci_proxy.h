/* SPDX-License-Identifier: MIT */
/*
 * A PCI device that is somewhere else: its configuration space, BARs and
 * interrupts as the machine has them, the device itself behind callbacks.
 *
 * Ours are what places it in the machine: command, BARs, the MSI-X table with
 * its masks and pending bits. The guest's writes to configuration space are
 * passed on besides, since the device has to know of memory and bus master;
 * capabilities are the device's, but for MSI and PCI's INTx, which it is not
 * offered. BARs are mapped into the guest where the device lets them be, and
 * trapped where it does not. Each MSI-X vector is an eventfd, given to the
 * device once and for good: masked, its count waits there (pci.h).
 *
 * What moves with the machine is that state of ours. The device's own moves by
 * other ways, its configuration space with it: a load writes nothing to it.
 */
#ifndef VMFERRY_VMM_PCI_PROXY_H
#define VMFERRY_VMM_PCI_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vmm/device.h"
#include "vmm/pci.h"

#define PCI_PROXY_MAX_AREAS 8u

/* A stretch of a BAR that may be mapped. */
struct pci_proxy_area {
	uint64_t offset, bytes; /* in the BAR; whole pages are mapped of it */
	int fd; /* the caller's; needed only while it is made */
	uint64_t fd_offset;
};

/* What the device says of itself: hostile. */
struct pci_proxy_bar {
	uint64_t bytes; /* 0 = none; else rounded up to a power of 2 */
	unsigned int nr_areas;
	struct pci_proxy_area area[PCI_PROXY_MAX_AREAS];
};

/*
 * All return 0 or -errno: reads then give all ones, writes are lost; a device
 * that has gone is told to who gave the callbacks, and not by these. Context:
 * vCPU threads, several at a time, no transaction of the map.
 */
struct pci_proxy_ops {
	int (*config_read)(void *ctx, uint64_t offset, void *data,
			   size_t bytes);
	int (*config_write)(void *ctx, uint64_t offset, const void *data,
			    size_t bytes);
	int (*bar_read)(void *ctx, unsigned int bar, uint64_t offset,
			void *data, size_t bytes);
	int (*bar_write)(void *ctx, unsigned int bar, uint64_t offset,
			 const void *data, size_t bytes);
	/* The eventfds of MSI-X vectors 0..@nr - 1; they stay the machine's,
	 * and open until the proxy is destroyed. */
	int (*set_vectors)(void *ctx, const int *fds, unsigned int nr);
};

struct pci_proxy_params {
	const char *name; /* "dma0", copied; at most 15 bytes */
	const struct pci_proxy_ops *ops;
	void *ctx; /* both outlive the proxy */
	unsigned int nr_vectors; /* that the device offers for MSI-X */
	struct pci_proxy_bar bar[PCI_NR_BARS];
};

/**
 * pci_proxy_create() - put the device onto a bus.
 * @ret_device: gone by its ops->destroy().
 *
 * Asks the device for its configuration space, and tells it where its BARs are
 * and its vectors. No I/O BARs, no bridges; of more vectors than a device can
 * have here, the first ones.
 *
 * Return: 0; -ENOTSUP for a device that is none of ours to serve, -ENOSPC if
 * there is no room on the bus, or what the device or the kernel said; with a
 * sentence. Context: as vm_add_device().
 */
int pci_proxy_create(struct pci_bus *bus, const struct pci_proxy_params *params,
		     struct device **ret_device, struct error *err);
/* The same for a machine, whose device it becomes. */
int pci_proxy_add(struct vm *vm, const struct pci_proxy_params *params,
		  struct error *err);

struct pci_proxy_state {
	struct pci_state pci;
	uint16_t vendor, device;
	uint64_t bar_bytes[PCI_NR_BARS];
};

extern const struct fields pci_proxy_fields; /* struct pci_proxy_state */

#endif
