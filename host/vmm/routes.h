/* SPDX-License-Identifier: MIT */
/*
 * Interrupts by message: KVM's routing table and its irqfds.
 *
 * What is set here is committed with the memory map: of a transaction's
 * changes the irqfds that go come first, then one KVM_SET_GSI_ROUTING, if any
 * route differs, then the irqfds that come. (KVM is slow at taking away right
 * after giving.) What KVM refuses stays wanted, and is tried again with the
 * next commit that changes something here.
 *
 * Context: within a transaction of the map, but for init and exit.
 */
#ifndef VMFERRY_VMM_ROUTES_H
#define VMFERRY_VMM_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/kvm_calls.h"
#include "vmm/memmap.h"

#define ROUTES_FIRST_GSI 24u /* behind the IOAPIC's pins */
#define ROUTES_CHIP_ENTRIES 40u /* PICs 16, IOAPIC 24 */
/* KVM's limit on entries and GSIs; the chips have theirs. */
#define ROUTES_KVM_MAX 4096u
#define ROUTES_MAX (ROUTES_KVM_MAX - ROUTES_CHIP_ENTRIES)

struct kvm_irq_routing;

struct route {
	uint64_t addr; /* of the message */
	uint32_t data;
	int fd;
	bool routed; /* has an entry in the table */
	bool wanted, present; /* its irqfd */
	bool listed; /* in the list of changes */
};

struct routes {
	struct memmap *map;
	struct kvm_calls *calls;
	int vm_fd; /* -1 = KVM is not told (any more) */
	struct memmap_part part;
	bool stale; /* KVM's table is another one */
	unsigned int nr_gsis, nr_changed;
	struct route *route; /* ROUTES_MAX */
	uint16_t *changed; /* ROUTES_MAX */
	struct kvm_irq_routing *table; /* room for all */
};

/* Return: 0, -ENOMEM. */
int routes_init(struct routes *routes, struct memmap *map,
		struct kvm_calls *calls, int vm_fd);
void routes_exit(struct routes *routes);

/* @nr GSIs in a row, for good. Return: 0, -ENOSPC. */
int routes_allocate(struct routes *routes, unsigned int nr,
		    unsigned int *ret_first_gsi);
/* Where @gsi's message goes. */
void routes_set(struct routes *routes, unsigned int gsi, uint64_t addr,
		uint32_t data);
/* It has none: fine if it had none. Its irqfd must be disconnected. */
void routes_clear(struct routes *routes, unsigned int gsi);
/* From the commit on @fd raises @gsi, which has been set; what it has counted
 * before is raised, too. @fd stays open until it is disconnected. */
void routes_connect(struct routes *routes, unsigned int gsi, int fd);
void routes_disconnect(struct routes *routes, unsigned int gsi);

/* The table as it would be set, for those who want to time it. */
struct kvm_irq_routing *routes_build(struct routes *routes);

#endif
