/* SPDX-License-Identifier: MIT */
/*
 * The memory map's listeners: what it says becomes KVM's memory slots and
 * ioeventfds.
 *
 * RAM is on top of everything else that claims its addresses, so that a slot
 * is made once and never deleted: deleting one can cost every shadow page.
 * Ioeventfds go in one run and come in another, gone ones first.
 *
 * Where KVM refuses an ioeventfd, the commit says so, and the map stays right:
 * the guest's write then comes to us, and io_write() rings.
 */
#ifndef VMFERRY_VMM_KVM_MAP_H
#define VMFERRY_VMM_KVM_MAP_H

#include <stdbool.h>

#include "vmm/kvm_calls.h"
#include "vmm/memmap.h"

/* Ioeventfds of one space. */
struct kvm_bells {
	struct kvm_calls *calls;
	int vm_fd; /* -1 = KVM is not told (any more) */
	bool ports;
	void *owner; /* for the space's other listener */
	/* Those that KVM refused. */
	struct memmap_bell *missing;
	unsigned int nr_missing, max_missing;
};

void kvm_bells_init(struct kvm_bells *bells, struct kvm_calls *calls, int vm_fd,
		    bool ports);
void kvm_bells_exit(struct kvm_bells *bells);
struct kvm_ioeventfd;
/* The argument of KVM_IOEVENTFD; a port's needs its flag besides. */
void kvm_bell_arg(const struct memmap_bell *bell, bool deassign,
		  struct kvm_ioeventfd *ret_arg);

/* For struct memmap_listener; @ctx is the struct kvm_bells. */
int kvm_bells_change(void *ctx, enum memmap_change change,
		     const struct memmap_bell *bell);

#endif
