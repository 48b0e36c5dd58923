/* SPDX-License-Identifier: MIT */
/* Pages to be had before bytes are received into them. */
#ifndef VMFERRY_MIGRATE_PREFAULT_H
#define VMFERRY_MIGRATE_PREFAULT_H

#include <stddef.h>

/**
 * prefault() - have the kernel allocate memory that is about to be filled.
 * @at: page-aligned; nothing was written there yet.
 * @bytes: whole pages.
 *
 * Received into memory that is not there yet, each page is a fault in the
 * middle of the kernel's copy. Asked for at once, a batch of pages costs a
 * third less, and memory with huge pages gets them at once. Memory that is
 * there already (preallocated) is left alone. Best effort: without it the
 * faults come one by one.
 */
void prefault(void *at, size_t bytes);

#endif
