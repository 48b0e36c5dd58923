/* SPDX-License-Identifier: MIT */
/*
 * The guest/host ABI: what both sides share and nothing else.
 *
 * Only fixed-width types cross this boundary. A field is marked IN (written by
 * the host before the guest runs) or OUT (written by the guest, read by the
 * host from outside). Everything OUT is hostile to the host until it has been
 * checked: a migration that lost a byte may have lost one of these.
 */
#ifndef VMFERRY_ABI_ABI_H
#define VMFERRY_ABI_ABI_H

#include <stdint.h>

#define ABI_VERSION 3u

#define ABI_PAGE_SHIFT 12
#define ABI_PAGE_BYTES 4096u

/* vCPUs that the layout has room for. */
#define ABI_MAX_VCPUS 64u

/* DMA engines (dma.h) that take part in an epoch; vCPUs and they together are
 * ABI_MAX_VCPUS at most. */
#define ABI_MAX_DMA 8u

/* Ranges that a working set may consist of. */
#define ABI_MAX_WORK_RANGES 8u

/* Entries of the guest's own account of RAM (struct abi_ram_range). */
#define ABI_MAX_RAM_RANGES 64u

/* Command line of the PVH module that is the control area. */
#define ABI_CONTROL_MODULE "vmferry.control"

/* Writing any byte here ends a machine that has the port (mini VMM, or QEMU's
 * isa-debug-exit with iobase=0x501). */
#define ABI_EXIT_PORT 0x501u

#endif
