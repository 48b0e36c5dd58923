/* SPDX-License-Identifier: MIT */
/* PCI configuration space, as far as it can be made sense of without a bus. */
#ifndef VMFERRY_GUEST_PCICAP_H
#define VMFERRY_GUEST_PCICAP_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_CAP_VENDOR 0x09u
#define PCI_CAP_MSIX 0x11u

/* A function's configuration space; @offset is a multiple of 4, below 256. */
struct pci_config {
	uint32_t (*read)(void *ctx, uint32_t offset);
	void *ctx;
};

/* A place in the list of capabilities; zeroed: before the first. */
struct pcicap_walk {
	uint32_t at; /* of the last one found */
	uint32_t seen; /* of any kind */
};

/**
 * pcicap_next() - the next capability of a kind.
 * @id: PCI_CAP_*.
 *
 * The list may be hostile: links into the header count as its end, and a loop
 * ends after as many capabilities as there is room for.
 *
 * Return: its offset, a multiple of 4 from 64 to 252; 0 = no more.
 * Source: PCI Local Bus 3.0, 6.7.
 */
uint32_t pcicap_next(const struct pci_config *config, struct pcicap_walk *walk,
		     uint32_t id);

/* Where something of a device lies. */
struct pcicap_place {
	uint32_t bar; /* 0..5 */
	uint32_t offset, length; /* in it; no length: 0 */
};

/* A capability as struct abi_queues_cap (queues.h) has it. */
struct pcicap_vendor {
	uint32_t type;
	struct pcicap_place place;
	uint32_t multiplier; /* 0 = none is there */
};

/**
 * pcicap_vendor() - read a vendor capability.
 *
 * Return: false if it says that it is shorter than that, names no BAR, or does
 * not end within the 256 bytes.
 */
bool pcicap_vendor(const struct pci_config *config, uint32_t at,
		   struct pcicap_vendor *ret);

struct pcicap_msix {
	uint32_t nr_vectors; /* 1..2048 */
	struct pcicap_place table;
};

/* Likewise MSI-X. Source: PCI Local Bus 3.0, 6.8.2. */
bool pcicap_msix(const struct pci_config *config, uint32_t at,
		 struct pcicap_msix *ret);

/* Does @place, with @bytes of it at least, lie in a BAR of @bar_bytes? */
bool pcicap_fits(const struct pcicap_place *place, uint64_t bytes,
		 uint64_t bar_bytes);

#endif
