/* SPDX-License-Identifier: MIT */
/*
 * The calls of KVM that the present map and routes need, without anything
 * around them: the limit that a load of devices can be measured against.
 */
#ifndef VMFERRY_VMM_BARE_CALLS_H
#define VMFERRY_VMM_BARE_CALLS_H

#include <stdint.h>

#include "vmm/kvm_calls.h"
#include "vmm/vm.h"

struct bare_calls;

/* Takes down what is there now. Return: 0, -ENOMEM. */
int bare_calls_record(struct vm *vm, struct bare_calls **ret_calls);
void bare_calls_free(struct bare_calls *calls);

/**
 * bare_calls_run() - make them: ioeventfds, one routing table, irqfds.
 * @ret_spent: number and time of them by kind.
 * @ret_ns: all together.
 *
 * And takes them back, untimed. Context: nothing of it is in KVM: the devices
 * have been reset. Return: 0 or what KVM said.
 */
int bare_calls_run(struct bare_calls *calls, struct kvm_calls *ret_spent,
		   uint64_t *ret_ns);

#endif
