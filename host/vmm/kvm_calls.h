/* SPDX-License-Identifier: MIT */
/* What the memory map and the interrupts cost in calls of KVM. */
#ifndef VMFERRY_VMM_KVM_CALLS_H
#define VMFERRY_VMM_KVM_CALLS_H

#include <stdint.h>

enum kvm_call {
	KVM_CALL_SLOT,
	KVM_CALL_BELL_ASSIGN, /* KVM_IOEVENTFD */
	KVM_CALL_BELL_DEASSIGN,
	KVM_CALL_ROUTING, /* KVM_SET_GSI_ROUTING */
	KVM_CALL_IRQFD_ASSIGN,
	KVM_CALL_IRQFD_DEASSIGN,
	KVM_NR_CALLS,
};

struct kvm_calls {
	uint64_t calls[KVM_NR_CALLS];
	uint64_t ns[KVM_NR_CALLS]; /* spent in them */
};

/* One of them, counted. 0 or -errno. */
int kvm_call(struct kvm_calls *calls, enum kvm_call kind, int fd,
	     unsigned long request, void *arg);

#endif
