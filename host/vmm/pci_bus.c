/* SPDX-License-Identifier: MIT */
/* The PCI bus: who is on it, and the ports that reach them. */
#include "vmm/pci.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/pci_impl.h"
#include "vmm/routes.h"

#define CONFIG_PORT 0xcf8u
#define CONFIG_NR_PORTS 8u
#define CONFIG_ENABLE 0x80000000u
#define NR_SLOTS 32u

struct pci_bus {
	struct memmap *map;
	struct memmap_region *memory;
	struct routes *routes;
	struct io_region ports;
	uint32_t address; /* of port 0xcf8 */
	uint64_t next_gpa; /* of the BARs' window */
	struct pci_device bridge;
	struct pci_device *device[PCI_NR_DEVFNS];
};

struct memmap *pci_map(const struct pci_device *pci)
{
	return pci->bus ? pci->bus->map : NULL;
}

struct memmap_region *pci_memory(const struct pci_device *pci)
{
	return pci->bus->memory;
}

struct routes *pci_routes(const struct pci_device *pci)
{
	return pci->bus->routes;
}

void pci_begin(const struct pci_device *pci)
{
	if (pci->bus)
		memmap_begin(pci->bus->map);
}

int pci_commit(const struct pci_device *pci)
{
	return pci->bus ? memmap_commit(pci->bus->map) : 0;
}

uint32_t pci_bus_address(struct pci_bus *bus)
{
	uint32_t address;

	memmap_begin(bus->map);
	address = bus->address;
	memmap_commit(bus->map);
	return address;
}

void pci_bus_set_address(struct pci_bus *bus, uint32_t address)
{
	memmap_begin(bus->map);
	/* As the guest would: bits 1 and 0 and the reserved ones read as 0. */
	bus->address = address & 0x80fffffc;
	memmap_commit(bus->map);
}

/* ---- ports -------------------------------------------------------------- */

/* Whom the data ports reach, and where; NULL: nobody. */
static struct pci_device *addressed(struct pci_bus *bus, uint64_t port,
				    unsigned int *ret_offset)
{
	uint32_t address = pci_bus_address(bus);

	if (!(address & CONFIG_ENABLE) || address >> 16 & 0xff)
		return NULL;
	*ret_offset = (address & 0xfc) + (unsigned int)(port & 3);
	return bus->device[address >> 8 & 0xff];
}

static uint64_t read_port(void *ctx, uint64_t port, unsigned int bytes)
{
	struct pci_bus *bus = ctx;
	struct pci_device *pci;
	unsigned int offset;
	uint32_t value;

	if (port < 4)
		return port == 0 && bytes == 4 ? pci_bus_address(bus)
					       : UINT64_MAX;
	pci = addressed(bus, port, &offset);
	if (!pci)
		return UINT64_MAX;
	value = pci_config_read(pci, offset, bytes);
	return pci->hooks ? pci->hooks->read(pci, offset, bytes, value) : value;
}

static void write_port(void *ctx, uint64_t port, unsigned int bytes,
		       uint64_t value)
{
	struct pci_bus *bus = ctx;
	struct pci_device *pci;
	unsigned int offset;

	if (port < 4) {
		if (port == 0 && bytes == 4)
			pci_bus_set_address(bus, (uint32_t)value);
		return;
	}
	pci = addressed(bus, port, &offset);
	if (!pci)
		return;
	pci_config_write(pci, offset, bytes, (uint32_t)value);
	if (pci->hooks)
		pci->hooks->written(pci, offset, bytes, (uint32_t)value);
}

static const struct io_ops port_ops = {
	.read = read_port,
	.write = write_port,
};

/* ---- who is on it ------------------------------------------------------- */

static int find_place(const struct pci_bus *bus)
{
	unsigned int function, slot;

	for (function = 0; function < 8; function++)
		for (slot = 1; slot < NR_SLOTS; slot++)
			if (!bus->device[PCI_DEVFN(slot, function)])
				return (int)PCI_DEVFN(slot, function);
	return -ENOSPC;
}

/* Software looks for functions 1 to 7 only where function 0 says so. */
static void tell_functions(struct pci_bus *bus, unsigned int slot)
{
	struct pci_device *first = bus->device[PCI_DEVFN(slot, 0)];
	bool more = false;
	unsigned int i;

	for (i = 1; i < 8; i++)
		more = more || bus->device[PCI_DEVFN(slot, i)];
	if (first)
		first->config[CONFIG_HEADER_TYPE] =
			more ? HEADER_MULTI_FUNCTION : 0;
}

static int assign_bars(struct pci_bus *bus, struct pci_device *pci)
{
	uint64_t at = bus->next_gpa;
	unsigned int i;

	for (i = 0; i < PCI_NR_BARS; i++) {
		struct memmap_region *region = pci->bar[i].region;

		if (!region)
			continue;
		at = (at + region->bytes - 1) & ~(region->bytes - 1);
		if (at > PCI_WINDOW_END || region->bytes > PCI_WINDOW_END - at)
			return -ENOSPC;
		pci_set_bar_address(pci, i, at);
		at += region->bytes;
	}
	bus->next_gpa = at;
	return 0;
}

static int assign_gsis(struct pci_bus *bus, struct pci_device *pci)
{
	unsigned int first = 0, i;
	int rc = routes_allocate(bus->routes, pci->nr_vectors, &first);

	for (i = 0; !rc && i < pci->nr_vectors; i++)
		pci->vectors[i].gsi = first + i;
	return rc;
}

int pci_attach(struct pci_bus *bus, struct pci_device *pci, int devfn)
{
	int rc;

	if (pci->bus)
		return -EBUSY;
	memmap_begin(bus->map);
	if (devfn == PCI_DEVFN_ANY)
		devfn = find_place(bus);
	if (devfn < 0 || devfn >= (int)PCI_NR_DEVFNS)
		rc = -ENOSPC;
	else
		rc = bus->device[devfn] ? -EBUSY : 0;
	if (!rc)
		rc = assign_bars(bus, pci);
	if (!rc)
		rc = assign_gsis(bus, pci);
	if (!rc) {
		pci->devfn = (uint8_t)devfn;
		pci->bus = bus;
		bus->device[devfn] = pci;
		tell_functions(bus, pci->devfn >> 3);
	}
	memmap_commit(bus->map);
	return rc;
}

int pci_detach(struct pci_device *pci)
{
	struct pci_bus *bus = pci->bus;
	int rc;

	if (!bus)
		return 0;
	memmap_begin(bus->map);
	rc = pci_reset(pci);
	bus->device[pci->devfn] = NULL;
	tell_functions(bus, pci->devfn >> 3);
	pci->bus = NULL;
	memmap_commit(bus->map);
	memmap_wait_for_readers(bus->map);
	return rc;
}

int pci_bus_create(struct memmap *map, struct memmap_region *memory,
		   struct memmap_region *ports, struct routes *routes,
		   struct pci_bus **ret_bus)
{
	/* What guests know as a host bridge: that of Intel's 82441FX. */
	static const struct pci_ids ids = {
		.vendor = 0x8086,
		.device = 0x1237,
		.class_code = 0x060000,
		.revision = 2,
	};
	struct pci_bus *bus = calloc(1, sizeof(*bus));
	int rc;

	if (!bus)
		return -ENOMEM;
	bus->map = map;
	bus->memory = memory;
	bus->routes = routes;
	bus->next_gpa = PCI_WINDOW_GPA;
	pci_init(&bus->bridge, "host bridge", &ids);
	rc = io_region_init(&bus->ports, "PCI configuration", CONFIG_NR_PORTS,
			    &port_ops, bus);
	if (!rc)
		rc = memmap_add(ports, &bus->ports.region, CONFIG_PORT, 0);
	if (!rc)
		rc = pci_attach(bus, &bus->bridge, PCI_DEVFN(0, 0));
	if (rc)
		free(bus);
	else
		*ret_bus = bus;
	return rc;
}

void pci_bus_destroy(struct pci_bus *bus)
{
	if (!bus)
		return;
	pci_exit(&bus->bridge);
	memmap_remove(&bus->ports.region);
	memmap_region_fini(&bus->ports.region);
	free(bus);
}
