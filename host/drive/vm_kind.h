/* SPDX-License-Identifier: MIT */
/* What differs between the mini VMM and QEMU, for vm.c. */
#ifndef VMFERRY_DRIVE_VM_KIND_H
#define VMFERRY_DRIVE_VM_KIND_H

#include "drive/vm.h"

#define DRIVE_MAX_ARGS 96u

struct drive_args {
	char *arg[DRIVE_MAX_ARGS]; /* NULL-terminated */
	unsigned int nr;
};

void drive_args_add(struct drive_args *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

struct drive_kind_ops {
	const char *name; /* "mini", "qemu" */
	/* The file to execute. */
	const char *(*program)(const struct drive_vm_params *p);
	/* Its command line, argv[0] included; @qmp_fd and @serial_fd are
	 * connected sockets that it inherits. */
	void (*arguments)(struct drive_args *a, const struct drive_vm_params *p,
			  int qmp_fd, int serial_fd);
	/*
	 * Learn where memory and control area lie. @like: a machine of the
	 * same shape whose guest has said so, or NULL: this one's has.
	 */
	int (*map)(struct drive_vm *vm, const struct drive_vm *like,
		   struct error *err);
	/* Does the CPU that it promises have AVX? If not, its registers do
	 * not travel, even where the host's CPUID shows through. */
	bool (*carries_avx)(struct drive_vm *vm);
};

/* For who has to end it: 0, it is gone. */
static inline void drive_vm_tell_child(const struct drive_vm_params *p,
				       pid_t pid)
{
	if (p->child)
		p->child(p->child_ctx, p->child_slot, pid);
}

extern const struct drive_kind_ops drive_mini, drive_qemu;

#endif
