/* SPDX-License-Identifier: MIT */
/*
 * Vector registers that compiled code never touches (vector.asm): the upper
 * halves of ymm8-15, zmm16-31 and k0-7. Run in ring 3.
 */
#ifndef VMFERRY_GUEST_VECTOR_H
#define VMFERRY_GUEST_VECTOR_H

#include <stdint.h>

#define VECTOR_AVX 1u
#define VECTOR_AVX512 2u

/* @arg: struct cpu_plant; seed and vector_level are read. */
uint64_t vector_set(void *arg);

/* Compare and clear. Return: VECTOR_* bits of what differs. */
uint64_t vector_compare(void *arg);

#endif
