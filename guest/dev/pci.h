/* SPDX-License-Identifier: MIT */
/*
 * PCI, as much as our own devices need: bus 0, memory BARs where the firmware
 * or the VMM has put them, MSI-X. Devices of others are read only as far as to
 * know that they are not ours.
 *
 * Context: the first vCPU, ring 0.
 * Source: PCI Local Bus 3.0, 3.2.2.3.2, 6.1, 6.2, 6.8.2.
 */
#ifndef VMFERRY_GUEST_PCI_H
#define VMFERRY_GUEST_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/pcicap.h"

#define PCI_NR_BARS 6u

struct pci_bar {
	uint64_t gpa; /* 0 = none, or none in memory */
	uint64_t bytes;
};

struct pci_function {
	uint32_t devfn; /* slot << 3 | function */
	uint32_t vendor, device;
	struct pci_bar bar[PCI_NR_BARS];
	/* MSI-X, once pci_msix_open() has been called. */
	uint32_t msix_cap;
	uint32_t nr_vectors; /* 0 = none */
	uint64_t table; /* gpa */
};

/**
 * pci_find() - the next function on bus 0 with these IDs.
 * @devfn: in: where to begin; out: behind what was found.
 * @device, @last_device: any ID between.
 *
 * Return: false if there is none left, or no PCI.
 */
bool pci_find(uint32_t *devfn, uint32_t vendor, uint32_t device,
	      uint32_t last_device, struct pci_function *ret);

/* For pcicap_*(): @f's configuration space. */
struct pci_config pci_config(struct pci_function *f);

/**
 * pci_enable() - have it decode memory and be a bus master; map its BARs.
 *
 * Return: NULL, or what is wrong.
 */
const char *pci_enable(struct pci_function *f);

/* The gpa of @place, whose first @bytes must be there; 0 if they are not. */
uint64_t pci_at(const struct pci_function *f, const struct pcicap_place *place,
		uint64_t bytes);

/**
 * pci_msix_open() - turn MSI-X on, with all vectors masked together.
 *
 * Return: NULL, or what is wrong.
 */
const char *pci_msix_open(struct pci_function *f);

/* Vector @index goes to a vCPU's interrupt vector; it is masked. */
void pci_msix_set(const struct pci_function *f, uint32_t index,
		  uint32_t apic_id, uint32_t vector);
void pci_msix_mask(uint64_t table, uint32_t index, bool masked);

/* Those that are not masked by themselves may fire from now on. */
void pci_msix_start(struct pci_function *f);

#endif
