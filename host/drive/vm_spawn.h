/* SPDX-License-Identifier: MIT */
/* A VMM's process. */
#ifndef VMFERRY_DRIVE_VM_SPAWN_H
#define VMFERRY_DRIVE_VM_SPAWN_H

#include "drive/vm.h"

/* What a shell says when there is no such program. */
#define EXIT_NO_PROGRAM 127

/* Connected sockets that it inherits: QMP, console, vfio-user devices. */
struct vm_spawn_keep {
	unsigned int nr; /* at least the first two */
	int fd[2 + DRIVE_MAX_VFIO]; /* close-on-exec, and the caller's */
};

/* Starts it: @vm->pid, started_ns; its log is @vm->log_path. Return: 0 or
 * -errno with a sentence. */
int vm_spawn(struct drive_vm *vm, const struct drive_vm_params *p,
	     const struct vm_spawn_keep *keep, struct error *err);

#endif
