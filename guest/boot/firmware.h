/* SPDX-License-Identifier: MIT */
/*
 * The one way to what firmware has left in memory. Everything behind it is
 * distrusted: addresses and lengths are checked before use.
 */
#ifndef VMFERRY_GUEST_FIRMWARE_H
#define VMFERRY_GUEST_FIRMWARE_H

#include <stdint.h>

/**
 * firmware_at() - memory at a guest-physical address.
 *
 * In the guest: what is mapped at that time, the low 4 GiB. Tests bring their
 * own.
 *
 * Return: NULL if it is not all within reach, or @gpa or @bytes is 0.
 */
const void *firmware_at(uint64_t gpa, uint64_t bytes);

/* The sum of all bytes, as the checksums of these tables have it: 0 = right. */
static inline uint8_t firmware_sum(const void *at, uint64_t bytes)
{
	const uint8_t *byte = at;
	uint8_t sum = 0;

	while (bytes--)
		sum = (uint8_t)(sum + *byte++);
	return sum;
}

#endif
