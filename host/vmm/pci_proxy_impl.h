/* SPDX-License-Identifier: MIT */
/* What the parts of a PCI proxy share. */
#ifndef VMFERRY_VMM_PCI_PROXY_IMPL_H
#define VMFERRY_VMM_PCI_PROXY_IMPL_H

#include "vmm/io.h"
#include "vmm/kvm_slots.h"
#include "vmm/pci_proxy.h"

struct proxy_area {
	struct device_memory memory;
	void *map; /* NULL = not there */
	size_t bytes;
};

struct proxy_bar {
	struct pci_proxy *proxy;
	unsigned int index;
	uint64_t bytes;
	struct memmap_region region; /* of these: */
	struct io_region trapped; /* all of it, below the others */
	struct proxy_area area[PCI_PROXY_MAX_AREAS];
	unsigned int nr_areas;
};

struct pci_proxy {
	struct device device;
	struct pci_device pci;
	char name[16];
	const struct pci_proxy_ops *ops;
	void *ctx;
	bool own[PCI_CONFIG_BYTES]; /* bytes that we answer for */
	struct proxy_bar bar[PCI_NR_BARS];
};

static inline struct pci_proxy *proxy_of(struct device *device)
{
	return (void *)((char *)device - offsetof(struct pci_proxy, device));
}

static inline struct pci_proxy *proxy_of_pci(struct pci_device *pci)
{
	return (void *)((char *)pci - offsetof(struct pci_proxy, pci));
}

/* pci_proxy.c: what the guest does. */
extern const struct io_ops proxy_bar_ops; /* ctx: struct proxy_bar */
extern const struct pci_hooks proxy_hooks;

/* pci_proxy_state.c */
int proxy_save(struct device *device, struct buf *state);
int proxy_check(struct device *device, const uint8_t *state, size_t bytes,
		struct error *err);
int proxy_load(struct device *device, const uint8_t *state, size_t bytes,
	       struct error *err);
int proxy_reset(struct device *device);

#endif
