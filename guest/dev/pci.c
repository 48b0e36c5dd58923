/* SPDX-License-Identifier: MIT */
/* Functions of bus 0, by ports 0xcf8 and 0xcfc, 32 bits at a time. */
#include "dev/pci.h"

#include <stddef.h>

#include "x86/insn.h"
#include "x86/uncached.h"

#define ADDRESS_PORT 0xcf8u
#define DATA_PORT 0xcfcu
#define ADDRESS_ENABLE 0x80000000u
#define NR_DEVFNS 256u

#define CONFIG_COMMAND 0x04u
#define CONFIG_HEADER 0x0cu
#define CONFIG_BAR 0x10u
#define HEADER_KIND (0x7fu << 16)
#define HEADER_MULTI (0x80u << 16)
#define COMMAND_MEMORY 2u
#define COMMAND_MASTER 4u
/* The upper half is status, where ones clear. */
#define COMMAND_MASK 0xffffu
#define BAR_IO 1u
#define BAR_KIND 6u
#define BAR_64 4u
#define BAR_FLAGS 15u

#define MSIX_ENABLE (1u << 31)
#define MSIX_MASK_ALL (1u << 30)
#define MSIX_ENTRY_BYTES 16u
#define MSI_ADDRESS 0xfee00000u

static uint32_t config_read(uint32_t devfn, uint32_t offset)
{
	outl(ADDRESS_PORT, ADDRESS_ENABLE | devfn << 8 | offset);
	return inl(DATA_PORT);
}

static void config_write(uint32_t devfn, uint32_t offset, uint32_t value)
{
	outl(ADDRESS_PORT, ADDRESS_ENABLE | devfn << 8 | offset);
	outl(DATA_PORT, value);
}

static uint32_t read_function(void *ctx, uint32_t offset)
{
	const struct pci_function *f = ctx;

	return config_read(f->devfn, offset);
}

struct pci_config pci_config(struct pci_function *f)
{
	struct pci_config config = { read_function, f };

	return config;
}

/* The register keeps what is written, or there is no such mechanism. */
static bool is_present(void)
{
	outl(ADDRESS_PORT, ADDRESS_ENABLE);
	return inl(ADDRESS_PORT) == ADDRESS_ENABLE;
}

/* Decoding is off: a BAR that is being sized claims other addresses. */
static uint32_t size_mask(uint32_t devfn, uint32_t offset)
{
	uint32_t old = config_read(devfn, offset), mask;

	config_write(devfn, offset, ~0u);
	mask = config_read(devfn, offset);
	config_write(devfn, offset, old);
	return mask;
}

static void read_bars(struct pci_function *f)
{
	uint32_t i, offset, low;
	uint64_t mask;

	for (i = 0; i < PCI_NR_BARS; i++) {
		struct pci_bar *bar = &f->bar[i];

		offset = CONFIG_BAR + i * 4;
		low = config_read(f->devfn, offset);
		mask = size_mask(f->devfn, offset) & ~BAR_FLAGS;
		if ((low & BAR_IO) || !mask)
			continue;
		bar->gpa = low & ~BAR_FLAGS;
		if ((low & BAR_KIND) != BAR_64) {
			mask |= ~0ull << 32;
		} else if (++i < PCI_NR_BARS) {
			offset += 4;
			bar->gpa |= (uint64_t)config_read(f->devfn, offset)
				    << 32;
			mask |= (uint64_t)size_mask(f->devfn, offset) << 32;
		}
		bar->bytes = -mask;
	}
}

bool pci_find(uint32_t *devfn, uint32_t vendor, uint32_t device,
	      uint32_t last_device, struct pci_function *ret)
{
	uint32_t at = *devfn, id, header;

	if (!at && !is_present())
		at = NR_DEVFNS;
	for (; at < NR_DEVFNS; at++) {
		id = config_read(at, 0);
		header = config_read(at, CONFIG_HEADER);
		*ret = (struct pci_function){
			.devfn = at,
			.vendor = id & 0xffff,
			.device = id >> 16,
		};
		/* Only where function 0 says so there are others. */
		if (!(at & 7) &&
		    (ret->vendor == 0xffff || !(header & HEADER_MULTI)))
			at |= 7;
		if (ret->vendor == vendor && ret->device >= device &&
		    ret->device <= last_device && !(header & HEADER_KIND)) {
			*devfn = at + 1;
			return true;
		}
	}
	*devfn = at;
	return false;
}

const char *pci_enable(struct pci_function *f)
{
	uint32_t command = config_read(f->devfn, CONFIG_COMMAND) & COMMAND_MASK;
	uint32_t i;

	config_write(f->devfn, CONFIG_COMMAND, command & ~COMMAND_MEMORY);
	read_bars(f);
	for (i = 0; i < PCI_NR_BARS; i++)
		if (f->bar[i].gpa &&
		    !uncached_map(f->bar[i].gpa, f->bar[i].bytes))
			return "its BARs cannot be mapped";
	config_write(f->devfn, CONFIG_COMMAND,
		     command | COMMAND_MEMORY | COMMAND_MASTER);
	return NULL;
}

uint64_t pci_at(const struct pci_function *f, const struct pcicap_place *place,
		uint64_t bytes)
{
	const struct pci_bar *bar = &f->bar[place->bar];

	if (!bar->gpa || !pcicap_fits(place, bytes, bar->bytes))
		return 0;
	return bar->gpa + place->offset;
}

static void set_msix(const struct pci_function *f, uint32_t set, uint32_t clear)
{
	uint32_t value = config_read(f->devfn, f->msix_cap);

	config_write(f->devfn, f->msix_cap, (value | set) & ~clear);
}

const char *pci_msix_open(struct pci_function *f)
{
	struct pci_config config = pci_config(f);
	struct pcicap_walk walk = { 0 };
	struct pcicap_msix msix;

	f->msix_cap = pcicap_next(&config, &walk, PCI_CAP_MSIX);
	if (!f->msix_cap || !pcicap_msix(&config, f->msix_cap, &msix))
		return "it has no MSI-X";
	f->table = pci_at(f, &msix.table, msix.table.length);
	if (!f->table)
		return "its MSI-X table is not in a BAR";
	f->nr_vectors = msix.nr_vectors;
	set_msix(f, MSIX_ENABLE | MSIX_MASK_ALL, 0);
	return NULL;
}

static volatile uint32_t *entry(uint64_t table, uint32_t index)
{
	return (volatile uint32_t *)(table + index * MSIX_ENTRY_BYTES);
}

void pci_msix_set(const struct pci_function *f, uint32_t index,
		  uint32_t apic_id, uint32_t vector)
{
	volatile uint32_t *e = entry(f->table, index);

	e[3] = 1;
	e[0] = MSI_ADDRESS | apic_id << 12;
	e[1] = 0;
	e[2] = vector;
}

void pci_msix_mask(uint64_t table, uint32_t index, bool masked)
{
	entry(table, index)[3] = masked;
}

void pci_msix_start(struct pci_function *f)
{
	set_msix(f, 0, MSIX_MASK_ALL);
}
