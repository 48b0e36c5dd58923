/* SPDX-License-Identifier: MIT */
/* vfio-user messages from a seed, more or less damaged. */
#ifndef TESTS_FUZZ_VFIO_MESSAGES_H
#define TESTS_FUZZ_VFIO_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#define MESSAGES_MAX_BYTES (256u << 10)

struct messages {
	size_t bytes;
	uint8_t data[MESSAGES_MAX_BYTES];
};

/* An input as fuzz_vfio.c has it; the same for the same seed. */
void messages_make(struct messages *m, uint64_t seed);
/* VERSION and RESET, as plain bytes. Return: how many; at most 256. */
size_t messages_check(uint8_t *data);

#endif
