/* SPDX-License-Identifier: MIT */
/* The halves of the kernel's backend. */
#ifndef VMFERRY_VFIO_CLIENT_KERNEL_H
#define VMFERRY_VFIO_CLIENT_KERNEL_H

struct vfio_client;

/* What of migration v2 the device has, if any. */
void client_kernel_probe(struct vfio_client *c);

#endif
