/* SPDX-License-Identifier: MIT */
/* BARs: registers that place regions in the memory map. */
#include "vmm/pci.h"

#include <errno.h>

#include "vmm/pci_impl.h"

#define BAR_MIN_BYTES 4096u
/* Above RAM, which has a higher one: see kvm_map.h. */
#define BAR_PRIORITY 1

static bool is_region(const struct memmap_region *region, bool is_64)
{
	uint64_t bytes = region->bytes;

	return bytes >= BAR_MIN_BYTES && !(bytes & (bytes - 1)) &&
	       bytes <= (is_64 ? PCI_ADDRESS_LIMIT : 1ull << 31) &&
	       !region->parent && !region->map;
}

int pci_add_bar(struct pci_device *pci, unsigned int index,
		enum pci_bar_kind kind, bool prefetchable,
		struct memmap_region *region)
{
	bool is_64 = kind == PCI_BAR_64;
	uint32_t flags = (is_64 ? BAR_TYPE_64 : 0) |
			 (prefetchable ? BAR_PREFETCHABLE : 0);
	uint64_t mask = ~(region->bytes - 1);

	if ((kind != PCI_BAR_32 && !is_64) || index + is_64 >= PCI_NR_BARS ||
	    !is_region(region, is_64) || pci->bus)
		return -EINVAL;
	if (pci->bar[index].kind || (is_64 && pci->bar[index + 1].kind))
		return -EBUSY;
	pci->bar[index] = (struct pci_bar){ kind, prefetchable, region };
	config_set32(pci, CONFIG_BAR(index), flags);
	memcpy(&pci->writable[CONFIG_BAR(index)], &mask, is_64 ? 8 : 4);
	if (is_64)
		pci->bar[index + 1].kind = PCI_BAR_64_HIGH;
	return 0;
}

uint64_t pci_bar_address(const struct pci_device *pci, unsigned int index)
{
	uint64_t addr = config_get32(pci, CONFIG_BAR(index)) & ~BAR_TYPE_BITS;

	if (pci->bar[index].kind == PCI_BAR_64)
		addr |= (uint64_t)config_get32(pci, CONFIG_BAR(index + 1))
			<< 32;
	return addr;
}

void pci_set_bar_address(struct pci_device *pci, unsigned int index,
			 uint64_t addr)
{
	uint32_t flags = config_get32(pci, CONFIG_BAR(index)) & BAR_TYPE_BITS;

	config_set32(pci, CONFIG_BAR(index), (uint32_t)addr | flags);
	if (pci->bar[index].kind == PCI_BAR_64)
		config_set32(pci, CONFIG_BAR(index + 1),
			     (uint32_t)(addr >> 32));
}

/* While its size is being asked for, or before it has an address, a BAR claims
 * nothing, enabled or not. */
static bool is_placed(const struct pci_device *pci, unsigned int index)
{
	uint64_t addr = pci_bar_address(pci, index);
	uint64_t limit = pci->bar[index].kind == PCI_BAR_64 ? PCI_ADDRESS_LIMIT
							    : UINT32_MAX;

	return config_get16(pci, CONFIG_COMMAND) & COMMAND_MEMORY && addr &&
	       addr < limit && pci->bar[index].region->bytes <= limit - addr;
}

static int update_bar(struct pci_device *pci, unsigned int index)
{
	struct memmap_region *region = pci->bar[index].region;
	uint64_t addr;

	if (!is_placed(pci, index))
		return region->parent ? memmap_remove(region) : 0;
	addr = pci_bar_address(pci, index);
	if (region->parent)
		return memmap_set_offset(region, addr);
	return memmap_add(pci_memory(pci), region, addr, BAR_PRIORITY);
}

int pci_update_bars(struct pci_device *pci)
{
	unsigned int i;
	int rc, ret = 0;

	for (i = 0; i < PCI_NR_BARS && pci->bus; i++) {
		if (!pci->bar[i].region)
			continue;
		rc = update_bar(pci, i);
		ret = ret ? ret : rc;
	}
	return ret;
}
