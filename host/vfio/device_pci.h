/* SPDX-License-Identifier: MIT */
/* The device's PCI configuration space and its MSI-X table. */
#ifndef VMFERRY_VFIO_DEVICE_PCI_H
#define VMFERRY_VFIO_DEVICE_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_STATE_CONFIG_BYTES 256u
#define PCI_STATE_TABLE_BYTES 32u /* two vectors */

struct pci_state {
	uint8_t config[PCI_STATE_CONFIG_BYTES];
	uint8_t table[PCI_STATE_TABLE_BYTES];
	uint64_t pending;
};

void device_pci_reset(struct pci_state *p);
/* Within the space. */
void device_pci_config_read(const struct pci_state *p, uint64_t offset,
			    void *data, size_t bytes);
void device_pci_config_write(struct pci_state *p, uint64_t offset,
			     const void *data, size_t bytes);
bool device_pci_bus_master(const struct pci_state *p);
/* BAR 1. */
void device_pci_msix_read(const struct pci_state *p, uint64_t offset,
			  void *data, size_t bytes);
void device_pci_msix_write(struct pci_state *p, uint64_t offset,
			   const void *data, size_t bytes);
/* Could it be the state of a device like this? For bytes of a stream. */
bool device_pci_valid(const struct pci_state *p);

#endif
