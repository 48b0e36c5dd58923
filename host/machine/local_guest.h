/* SPDX-License-Identifier: MIT */
/*
 * A guest in this very process: for measurements of KVM that QMP is no part
 * of. Its console by lines, its counters by memory.
 */
#ifndef VMFERRY_MACHINE_LOCAL_GUEST_H
#define VMFERRY_MACHINE_LOCAL_GUEST_H

#include <stdint.h>

#include "base/error.h"
#include "control.h"
#include "vmm/vm.h"

#define LOCAL_GUEST_LINE_BYTES 256u

struct local_guest;

/**
 * local_guest_create() - boot the built-in guest and wait until it is ready.
 * @params: of the machine; events, ctx and control_bytes are filled in here.
 *
 * Return: 0, -ETIMEDOUT, -EIO if it broke, or what vm_create() said.
 */
int local_guest_create(const struct vm_params *params,
		       struct local_guest **ret_guest, struct error *err);
/* NULL is fine. */
void local_guest_destroy(struct local_guest *g);

struct vm *local_guest_vm(struct local_guest *g);
/* Its control area, which it writes all the time. */
const struct abi_control *local_guest_control(const struct local_guest *g);
const struct abi_vcpu *local_guest_vcpus(const struct local_guest *g);

/**
 * local_guest_command() - send a line, wait for the `ok` or `error` line.
 * @reply: LOCAL_GUEST_LINE_BYTES for it, without its first word; may be NULL;
 *	written also for -EINVAL.
 *
 * Return: 0; -EINVAL if the guest said `error`; -ETIMEDOUT; -EIO if it broke.
 */
int local_guest_command(struct local_guest *g, const char *line, char *reply,
			struct error *err);

/* Waits for `event @name ...`. Return: as above. */
int local_guest_event(struct local_guest *g, const char *name,
		      struct error *err);

#endif
