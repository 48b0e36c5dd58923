/* SPDX-License-Identifier: MIT */
/* Seeded damage to QMP input. The same seed gives the same input. */
#ifndef TESTS_FUZZ_QMP_MUTATE_H
#define TESTS_FUZZ_QMP_MUTATE_H

#include <stddef.h>
#include <stdint.h>

#define MUTATE_MAX_BYTES (96u << 10)

struct input {
	size_t bytes;
	char data[MUTATE_MAX_BYTES];
};

/* 0 .. @below - 1. */
uint32_t random_below(uint64_t *rng, uint32_t below);
/* Some right messages, and then none to eight damages. */
void input_make(struct input *in, uint64_t *rng);

#endif
