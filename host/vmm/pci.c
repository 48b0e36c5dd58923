/* SPDX-License-Identifier: MIT */
/* A PCI device: how it is built, and its configuration space. */
#include "vmm/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/pci_impl.h"

void pci_init(struct pci_device *pci, const char *name,
	      const struct pci_ids *ids)
{
	memset(pci, 0, sizeof(*pci));
	pci->name = name;
	pci->free_cap = CONFIG_FIRST_CAP;
	config_set16(pci, CONFIG_VENDOR, ids->vendor);
	config_set16(pci, CONFIG_DEVICE, ids->device);
	config_set32(pci, CONFIG_REVISION,
		     ids->class_code << 8 | ids->revision);
	config_set16(pci, CONFIG_SUBSYSTEM_VENDOR, ids->subsystem_vendor);
	config_set16(pci, CONFIG_SUBSYSTEM, ids->subsystem);
	memcpy(&pci->writable[CONFIG_COMMAND], &(uint16_t){ COMMAND_BITS },
	       sizeof(uint16_t));
	pci->writable[CONFIG_CACHE_LINE] = 0xff;
	pci->writable[CONFIG_INTERRUPT_LINE] = 0xff;
}

void pci_exit(struct pci_device *pci)
{
	unsigned int i;

	for (i = 0; i < pci->nr_vectors; i++)
		if (pci->vectors[i].fd >= 0)
			close(pci->vectors[i].fd);
	free(pci->vectors);
	pci->vectors = NULL;
	pci->nr_vectors = 0;
	memmap_region_fini(&pci->msix_table.region);
	memmap_region_fini(&pci->msix_pba.region);
}

int pci_add_capability(struct pci_device *pci, const void *cap, size_t bytes)
{
	uint8_t at = pci->free_cap;
	size_t room = PCI_CONFIG_BYTES - CONFIG_FIRST_CAP;

	if (bytes < 2 || bytes > room || pci->bus)
		return -EINVAL;
	/* 0: the last one ended where the space does. */
	if (!at || bytes > PCI_CONFIG_BYTES - at)
		return -ENOSPC;
	memcpy(&pci->config[at], cap, bytes);
	pci->config[at + 1] = 0;
	pci->config[pci->last_cap ? pci->last_cap + 1u : CONFIG_CAPABILITIES] =
		at;
	pci->config[CONFIG_STATUS] |= STATUS_CAPABILITIES;
	pci->last_cap = at;
	pci->free_cap = (uint8_t)((at + bytes + 3) & ~3ul);
	return at;
}

bool pci_is_master(const struct pci_device *pci)
{
	return config_get16(pci, CONFIG_COMMAND) & COMMAND_MASTER;
}

static bool is_access(unsigned int offset, unsigned int bytes)
{
	return (bytes == 1 || bytes == 2 || bytes == 4) &&
	       offset <= PCI_CONFIG_BYTES - bytes && !(offset % bytes);
}

uint32_t pci_config_read(struct pci_device *pci, unsigned int offset,
			 unsigned int bytes)
{
	uint32_t value = 0;

	if (!is_access(offset, bytes))
		return UINT32_MAX;
	pci_begin(pci);
	memcpy(&value, &pci->config[offset], bytes);
	pci_commit(pci);
	return value;
}

int pci_config_write(struct pci_device *pci, unsigned int offset,
		     unsigned int bytes, uint32_t value)
{
	bool was_enabled = atomic_load(&pci->msix_enabled);
	unsigned int i;
	int rc, err;

	if (!is_access(offset, bytes))
		return -EINVAL;
	pci_begin(pci);
	for (i = 0; i < bytes; i++) {
		uint8_t mask = pci->writable[offset + i];
		uint8_t *byte = &pci->config[offset + i];

		*byte = (uint8_t)((*byte & ~mask) | (value >> 8 * i & mask));
	}
	/* What came while MSI-X was off was no interrupt. */
	if (!was_enabled && pci->raised_outside)
		pci_drain_vectors(pci);
	rc = pci_update_bars(pci);
	err = pci_update_vectors(pci);
	rc = rc ? rc : err;
	err = pci_commit(pci);
	return rc ? rc : err;
}

int pci_reset(struct pci_device *pci)
{
	int rc, err;

	pci_begin(pci);
	config_set16(pci, CONFIG_COMMAND, 0);
	pci->config[CONFIG_CACHE_LINE] = 0;
	pci->config[CONFIG_INTERRUPT_LINE] = 0;
	pci_set_msix_control(pci, 0);
	for (unsigned int i = 0; i < pci->nr_vectors; i++)
		pci->vectors[i].entry = (struct pci_msix_entry){
			.control = PCI_MSIX_MASKED,
		};
	rc = pci_update_bars(pci);
	err = pci_update_vectors(pci);
	rc = rc ? rc : err;
	err = pci_commit(pci);
	pci_drain_vectors(pci);
	return rc ? rc : err;
}
