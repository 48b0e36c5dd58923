/* SPDX-License-Identifier: MIT */
/* A man between a vfio-user client and its device, who damages answers. */
#ifndef TESTS_FUZZ_VFIO_MIDDLE_H
#define TESTS_FUZZ_VFIO_MIDDLE_H

#include "vfio/user_wire.h"

#define MIDDLE_MEMORY_BYTES (64u << 10) /* that the device may ask for */

struct middle {
	struct user_wire client, device; /* his sides */
	uint64_t rng; /* not 0 */
	unsigned int rate; /* of 1000 answers so many are damaged */
	uint64_t damaged;
};

/* 0 .. @limit - 1. */
uint64_t middle_random(uint64_t *rng, uint64_t limit);
/* A thread's: until one side hangs up; closes both. @ctx: struct middle. */
void *middle_stand(void *ctx);

#endif
