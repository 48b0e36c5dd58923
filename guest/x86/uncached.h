/* SPDX-License-Identifier: MIT */
/* Registers of devices in the identity map. */
#ifndef VMFERRY_GUEST_UNCACHED_H
#define VMFERRY_GUEST_UNCACHED_H

#include <stdbool.h>
#include <stdint.h>

/**
 * uncached_map() - map device memory at its gpa, uncached.
 * @gpa, @bytes: rounded outwards to 2 MiB; nothing of it may be RAM.
 *
 * Context: the first vCPU, ring 0; makes all vCPUs flush.
 * Return: false if it lies too high, or there is no table left.
 */
bool uncached_map(uint64_t gpa, uint64_t bytes);

#endif
