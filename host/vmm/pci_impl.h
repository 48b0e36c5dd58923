/* SPDX-License-Identifier: MIT */
/* What the parts of PCI share. */
#ifndef VMFERRY_VMM_PCI_IMPL_H
#define VMFERRY_VMM_PCI_IMPL_H

#include <string.h>

#include "vmm/pci.h"

/* Offsets and bits. Source: PCI Local Bus 3.0, figure 6-1, tables 6-1 and
 * 6-2, section 6.8.2.3. (<linux/pci_regs.h> has them, and a PCI_DEVFN.) */
#define CONFIG_VENDOR 0x00u
#define CONFIG_DEVICE 0x02u
#define CONFIG_COMMAND 0x04u
#define CONFIG_STATUS 0x06u
#define CONFIG_REVISION 0x08u
#define CONFIG_CACHE_LINE 0x0cu
#define CONFIG_HEADER_TYPE 0x0eu
#define CONFIG_BAR(n) (0x10u + 4u * (n))
#define CONFIG_SUBSYSTEM_VENDOR 0x2cu
#define CONFIG_SUBSYSTEM 0x2eu
#define CONFIG_CAPABILITIES 0x34u
#define CONFIG_INTERRUPT_LINE 0x3cu
#define CONFIG_FIRST_CAP 0x40u

#define COMMAND_MEMORY 0x0002u
#define COMMAND_MASTER 0x0004u
#define COMMAND_INTX_OFF 0x0400u
#define COMMAND_BITS (COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_OFF)
#define STATUS_CAPABILITIES 0x0010u
#define HEADER_MULTI_FUNCTION 0x80u

#define BAR_TYPE_64 0x4u
#define BAR_PREFETCHABLE 0x8u
#define BAR_TYPE_BITS 0xfu
/* What a machine's physical addresses may reach. */
#define PCI_ADDRESS_LIMIT (1ull << 52)

#define CAP_MSIX 0x11u
#define CAP_MSIX_BYTES 12u
#define MSIX_BAR_BITS 0x7u
#define MSIX_ENABLE 0x8000u
#define MSIX_MASK_ALL 0x4000u
#define MSIX_CONTROL_BITS (MSIX_ENABLE | MSIX_MASK_ALL)

static inline uint16_t config_get16(const struct pci_device *pci,
				    unsigned int offset)
{
	uint16_t value;

	memcpy(&value, &pci->config[offset], sizeof(value));
	return value;
}

static inline uint32_t config_get32(const struct pci_device *pci,
				    unsigned int offset)
{
	uint32_t value;

	memcpy(&value, &pci->config[offset], sizeof(value));
	return value;
}

static inline void config_set16(struct pci_device *pci, unsigned int offset,
				uint16_t value)
{
	memcpy(&pci->config[offset], &value, sizeof(value));
}

static inline void config_set32(struct pci_device *pci, unsigned int offset,
				uint32_t value)
{
	memcpy(&pci->config[offset], &value, sizeof(value));
}

/* pci_bus.c. NULL: not attached, nobody else can see it. */
struct memmap *pci_map(const struct pci_device *pci);
struct memmap_region *pci_memory(const struct pci_device *pci);
struct routes *pci_routes(const struct pci_device *pci);
int pci_bus_vectors(struct pci_bus *bus, struct pci_device *pci);
/* A transaction, if there is a map. */
void pci_begin(const struct pci_device *pci);
int pci_commit(const struct pci_device *pci);

/* pci_bar.c: has the BARs' regions lie where the registers say. Each change is
 * a commit of its own, if no transaction is open. */
int pci_update_bars(struct pci_device *pci);
uint64_t pci_bar_address(const struct pci_device *pci, unsigned int index);
void pci_set_bar_address(struct pci_device *pci, unsigned int index,
			 uint64_t addr);

/* pci_msix.c: has the routes and irqfds be what the registers say; the same. */
int pci_update_vectors(struct pci_device *pci);
/* Forgets what is pending. */
void pci_drain_vectors(struct pci_device *pci);
bool pci_vector_is_pending(const struct pci_device *pci,
			   struct pci_vector *vector);
void pci_vector_set_pending(struct pci_vector *vector, bool pending);
uint16_t pci_msix_control(const struct pci_device *pci);
void pci_set_msix_control(struct pci_device *pci, uint16_t control);

#endif
