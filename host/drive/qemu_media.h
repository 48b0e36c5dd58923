/* SPDX-License-Identifier: MIT */
/* How the guest gets into QEMU: firmware, and the medium it finds it on. */
#ifndef VMFERRY_DRIVE_QEMU_MEDIA_H
#define VMFERRY_DRIVE_QEMU_MEDIA_H

#include "base/error.h"
#include "drive/vm_kind.h"

/* OVMF as one file, where distributions put it; NULL if there is none. */
const char *qemu_media_ovmf(void);

/**
 * qemu_media_arguments() - the part of the command line that boots the guest.
 *
 * The guest is told to wait for the console, each time by the way of
 * configuration that goes with the medium.
 */
void qemu_media_arguments(struct drive_args *a,
			  const struct drive_vm_params *p);

#endif
