/* SPDX-License-Identifier: MIT */
/*
 * PCI: one bus behind ports 0xcf8 and 0xcfc, a host bridge at 00:00.0, devices
 * of type 0 with memory BARs, capabilities and MSI-X.
 *
 * A device is built: pci_init(), pci_add_bar(), pci_add_capability(),
 * pci_add_msix(), and goes onto the bus with pci_attach(), which gives its BARs
 * addresses as firmware would. The guest then turns it on: memory enable in
 * the command register puts the BARs' regions into the memory map, MSI-X
 * enable and an unmasked vector make it a route and an irqfd.
 *
 * What a guest or a load changes here is guarded by the map's transaction:
 * every call below takes one by itself, so that within memmap_begin() and
 * memmap_commit() a lot of them is one commit, and outside each is its own.
 *
 * Interrupts: one eventfd a vector. pci_raise() writes to it; KVM has it as an
 * irqfd while the vector may fire, and otherwise the count that stays in it is
 * the vector's pending bit: unmasking hands the eventfd back to KVM, which
 * finds the count and delivers it. Nothing is lost or doubled on the way.
 *
 * Sources: PCI Local Bus 3.0, chapters 3.2.2.3.2 (configuration mechanism),
 * 6.1, 6.2 (header, BARs), 6.7 (capabilities), 6.8.2 (MSI-X).
 *
 * Non-goals: I/O BARs, INTx, MSI, bridges, expansion ROMs, hot plug, PCIe's
 * extended configuration space.
 */
#ifndef VMFERRY_VMM_PCI_H
#define VMFERRY_VMM_PCI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vmm/fields.h"
#include "vmm/io.h"
#include "vmm/memmap.h"

#define PCI_CONFIG_BYTES 256u
#define PCI_NR_BARS 6u
#define PCI_MAX_VECTORS 72u /* of a device: what ours need, rounded up */
#define PCI_NR_DEVFNS 256u

/* BARs are given addresses in here; none of it is RAM or a chip. */
#define PCI_WINDOW_GPA 0xe0000000ull
#define PCI_WINDOW_END 0xfe000000ull

struct pci_bus;
struct pci_hooks;
struct routes;
struct vm;

/**
 * pci_bus_create() - an empty bus, but for the host bridge.
 * @memory, @ports: roots of those spaces, in @map.
 *
 * Return: 0, -ENOMEM. All of them must outlive it.
 */
int pci_bus_create(struct memmap *map, struct memmap_region *memory,
		   struct memmap_region *ports, struct routes *routes,
		   struct pci_bus **ret_bus);
/* Its devices have been detached. NULL is fine. */
void pci_bus_destroy(struct pci_bus *bus);
/* The register behind port 0xcf8: it moves with the machine. */
uint32_t pci_bus_address(struct pci_bus *bus);
void pci_bus_set_address(struct pci_bus *bus, uint32_t address);
/* The machine's bus. */
struct pci_bus *vm_pci(struct vm *vm);

struct pci_ids {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem;
	uint32_t class_code; /* class, subclass, interface: 0x020000 */
	uint8_t revision;
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_32, PCI_BAR_64, PCI_BAR_64_HIGH };

struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	/* In the memory space if it has a parent. */
	struct memmap_region *region;
};

/* As it lies in the table; little endian. */
struct pci_msix_entry {
	uint32_t addr_low, addr_high, data;
	uint32_t control; /* bit 0: masked */
};

#define PCI_MSIX_MASKED 1u

struct pci_vector {
	struct pci_msix_entry entry;
	int fd; /* eventfd */
	unsigned int gsi;
	atomic_bool raised; /* @fd may hold something */
	bool routed; /* its message goes where the entry said last */
	bool connected; /* KVM has @fd, or gets it with the commit */
};

/* Lives in its owner's memory; all private. */
struct pci_device {
	const char *name;
	struct pci_bus *bus; /* NULL = not attached */
	uint8_t devfn;
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t writable[PCI_CONFIG_BYTES]; /* bits that the guest may set */
	struct pci_bar bar[PCI_NR_BARS];
	uint8_t last_cap, free_cap; /* offsets in config */
	/* Capabilities end here. */
	uint8_t msix_cap; /* 0 = none */
	unsigned int nr_vectors;
	struct pci_vector *vectors;
	struct io_region msix_table, msix_pba;
	atomic_bool msix_enabled;
	/* Others write to the vectors' eventfds than pci_raise(). */
	bool raised_outside;
	const struct pci_hooks *hooks; /* NULL = none */
};

/*
 * Configuration space that is not all ours: called for what the guest does
 * through the ports, behind what it does to ours. Context: no transaction.
 */
struct pci_hooks {
	/* What the guest reads in place of @value. */
	uint32_t (*read)(struct pci_device *pci, unsigned int offset,
			 unsigned int bytes, uint32_t value);
	void (*written)(struct pci_device *pci, unsigned int offset,
			unsigned int bytes, uint32_t value);
};

/* What moves with it of the above. */
struct pci_state {
	uint16_t command;
	uint8_t interrupt_line;
	uint8_t cache_line;
	uint16_t msix_control; /* enable and function mask, the rest 0 */
	uint16_t nr_vectors;
	uint32_t bar[PCI_NR_BARS]; /* addresses without the type bits */
	struct pci_msix_entry msix[PCI_MAX_VECTORS];
	/* Not delivered; bit of vector n in byte n / 8. */
	uint8_t pending[PCI_MAX_VECTORS / 8];
};

/* @name must outlive it. */
void pci_init(struct pci_device *pci, const char *name,
	      const struct pci_ids *ids);
/* After pci_detach() or the end of the bus. Closes its eventfds; its regions
 * are out of the map. */
void pci_exit(struct pci_device *pci);

/**
 * pci_add_bar() - give it a BAR.
 * @index: 0..5; a 64-bit one takes the next, too.
 * @kind: PCI_BAR_32 or PCI_BAR_64.
 * @region: the caller's, in no tree, a power of 2 of at least 4096 bytes:
 *	a container of io_regions, or one of them.
 *
 * Return: 0, -EINVAL, -EBUSY (the place is taken). Context: before
 * pci_attach(), like the two below.
 */
int pci_add_bar(struct pci_device *pci, unsigned int index,
		enum pci_bar_kind kind, bool prefetchable,
		struct memmap_region *region);

/**
 * pci_add_capability() - append one to the list.
 * @cap: starts with its id; the second byte, the link, is filled in.
 *
 * Read-only for the guest. Return: its offset in configuration space,
 * -EINVAL, -ENOSPC.
 */
int pci_add_capability(struct pci_device *pci, const void *cap, size_t bytes);

/**
 * pci_add_msix() - give it vectors, all masked.
 * @bar: index of the BAR, whose region must be a container.
 * @table_offset, @pba_offset: in the BAR, multiples of 8. The table is 16
 *	bytes a vector; the pending bits are 8 bytes for each 64 vectors, begun.
 *	Nothing of the device's may lie in the way.
 *
 * Return: 0, -EINVAL, -ENOSPC, -ENOMEM, or what eventfd() said (-EMFILE: the
 * process may not have so many descriptors).
 */
int pci_add_msix(struct pci_device *pci, unsigned int bar,
		 unsigned int nr_vectors, uint64_t table_offset,
		 uint64_t pba_offset);

/**
 * pci_adopt_msix() - the same, by a capability that lies in config[] already.
 * @at: its offset. Its number of vectors is set to @nr_vectors.
 *
 * Return: as pci_add_msix(); -EINVAL too for a BAR or places that it has not.
 */
int pci_adopt_msix(struct pci_device *pci, uint8_t at, unsigned int nr_vectors);

#define PCI_DEVFN_ANY (-1)
#define PCI_DEVFN(slot, function) ((slot) << 3 | (function))

/**
 * pci_attach() - put a device onto the bus and give its BARs addresses.
 * @devfn: or PCI_DEVFN_ANY: the first slot that is free, and if none is, the
 *	first free function of a slot.
 *
 * Return: 0, -EBUSY, -ENOSPC (no slot, no address, no GSI left).
 */
int pci_attach(struct pci_bus *bus, struct pci_device *pci, int devfn);
/* Its regions leave the map, its irqfds KVM. Fine if it is not attached. */
int pci_detach(struct pci_device *pci);

/**
 * pci_raise() - raise a vector.
 * @vector: out of range, or MSI-X off: nothing happens.
 *
 * Context: any thread, no lock, never sleeps.
 */
void pci_raise(struct pci_device *pci, unsigned int vector);

/* Bus mastering allowed: it may write guest memory. */
bool pci_is_master(const struct pci_device *pci);

/* Configuration space, as the guest does it. @bytes 1, 2 or 4. */
uint32_t pci_config_read(struct pci_device *pci, unsigned int offset,
			 unsigned int bytes);
int pci_config_write(struct pci_device *pci, unsigned int offset,
		     unsigned int bytes, uint32_t value);
/* MSI-X entry @vector, as the guest writes it: all four words at once. */
int pci_msix_write(struct pci_device *pci, unsigned int vector,
		   const struct pci_msix_entry *entry);

extern const struct fields pci_fields; /* struct pci_state */

void pci_get_state(struct pci_device *pci, struct pci_state *ret_state);
/**
 * pci_check_state() - could @pci be in this state?
 *
 * Return: 0, or -EPROTO with the name of the field in @ret_field.
 */
int pci_check_state(const struct pci_device *pci, const struct pci_state *state,
		    const char **ret_field);
/* Only differences touch the map and the interrupts. Return: 0, -EPROTO, or
 * what the map or KVM said (half-loaded then). */
int pci_set_state(struct pci_device *pci, const struct pci_state *state);
/* As after power on, the BARs' addresses apart: those are the firmware's. */
int pci_reset(struct pci_device *pci);

#endif
