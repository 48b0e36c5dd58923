/* SPDX-License-Identifier: MIT */
/* PCI as the device has it: ids, three BARs, MSI-X. */
#include "vfio/device_pci.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "dma.h"

#define MSIX_AT 0x40u
#define COMMAND_BITS                                                           \
	(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)

static void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

void device_pci_reset(struct pci_state *p)
{
	uint8_t *c = p->config;

	memset(p, 0, sizeof(*p));
	put16(c + PCI_VENDOR_ID, ABI_DMA_VENDOR);
	put16(c + PCI_DEVICE_ID, ABI_DMA_DEVICE);
	put16(c + PCI_STATUS, PCI_STATUS_CAP_LIST);
	put32(c + PCI_CLASS_REVISION, ABI_DMA_CLASS << 8 | 1);
	put16(c + PCI_SUBSYSTEM_VENDOR_ID, ABI_DMA_VENDOR);
	put16(c + PCI_SUBSYSTEM_ID, ABI_DMA_DEVICE);
	c[PCI_CAPABILITY_LIST] = MSIX_AT;
	c[MSIX_AT] = PCI_CAP_ID_MSIX;
	put16(c + MSIX_AT + PCI_MSIX_FLAGS, ABI_DMA_NR_VECTORS - 1);
	put32(c + MSIX_AT + PCI_MSIX_TABLE, ABI_DMA_BAR_MSIX);
	put32(c + MSIX_AT + PCI_MSIX_PBA,
	      ABI_DMA_PBA_OFFSET | ABI_DMA_BAR_MSIX);
	/* Both vectors masked. */
	p->table[12] = 1;
	p->table[28] = 1;
}

/* Which bits of the byte may be written. */
static uint8_t writable(uint64_t at)
{
	static const struct {
		uint8_t first, bytes;
		uint32_t mask;
	} fields[] = {
		{ PCI_COMMAND, 2, COMMAND_BITS },
		{ PCI_CACHE_LINE_SIZE, 1, 0xff },
		{ PCI_LATENCY_TIMER, 1, 0xff },
		{ PCI_BASE_ADDRESS_0, 4, ~(ABI_DMA_REGS_BYTES - 1) },
		{ PCI_BASE_ADDRESS_1, 4, ~(ABI_DMA_MSIX_BYTES - 1) },
		{ PCI_BASE_ADDRESS_2, 4, ~(ABI_DMA_MEMORY_BYTES - 1) },
		{ PCI_INTERRUPT_LINE, 1, 0xff },
		{ MSIX_AT + PCI_MSIX_FLAGS, 2,
		  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL },
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (at - fields[i].first < fields[i].bytes)
			return (uint8_t)(fields[i].mask >>
					 8 * (at - fields[i].first));
	return 0;
}

void device_pci_config_read(const struct pci_state *p, uint64_t offset,
			    void *data, size_t bytes)
{
	memcpy(data, p->config + offset, bytes);
}

void device_pci_config_write(struct pci_state *p, uint64_t offset,
			     const void *data, size_t bytes)
{
	const uint8_t *from = data;
	size_t i;

	for (i = 0; i < bytes; i++) {
		uint8_t mask = writable(offset + i);
		uint8_t *at = p->config + offset + i;

		*at = (uint8_t)((*at & ~mask) | (from[i] & mask));
	}
}

bool device_pci_bus_master(const struct pci_state *p)
{
	return p->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* The byte of BAR 1 at @at, or NULL where there is none. */
static const uint8_t *msix_byte(const struct pci_state *p, uint64_t at)
{
	if (at < sizeof(p->table))
		return p->table + at;
	if (at - ABI_DMA_PBA_OFFSET < sizeof(p->pending))
		return (const uint8_t *)&p->pending + (at - ABI_DMA_PBA_OFFSET);
	return NULL;
}

void device_pci_msix_read(const struct pci_state *p, uint64_t offset,
			  void *data, size_t bytes)
{
	uint8_t *to = data;
	size_t i;

	for (i = 0; i < bytes; i++) {
		const uint8_t *at = msix_byte(p, offset + i);

		to[i] = at ? *at : 0;
	}
}

void device_pci_msix_write(struct pci_state *p, uint64_t offset,
			   const void *data, size_t bytes)
{
	if (offset < sizeof(p->table))
		memcpy(p->table + offset, data,
		       bytes < sizeof(p->table) - offset
			       ? bytes
			       : sizeof(p->table) - offset);
}

bool device_pci_valid(const struct pci_state *p)
{
	struct pci_state fresh;
	size_t i;

	device_pci_reset(&fresh);
	for (i = 0; i < sizeof(p->config); i++)
		if ((p->config[i] ^ fresh.config[i]) & ~writable(i) & 0xff)
			return false;
	return !(p->pending >> ABI_DMA_NR_VECTORS);
}
