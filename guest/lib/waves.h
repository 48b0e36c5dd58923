/* SPDX-License-Identifier: MIT */
/* Which queue interrupts whom, as what, and when it is looked at. */
#ifndef VMFERRY_GUEST_WAVES_H
#define VMFERRY_GUEST_WAVES_H

#include <stdint.h>

/*
 * There may be more queues than pairs of a vCPU and a vector. Then they come in
 * waves: within a wave no two have the same pair, so that whose interrupt it was
 * is never in doubt; while one wave is looked at, the others are masked.
 */
struct waves {
	uint32_t nr_cpus, nr_vectors; /* at least 1 each */
};

struct wave_place {
	uint32_t cpu; /* below nr_cpus */
	uint32_t vector; /* below nr_vectors */
	uint32_t wave;
};

struct wave_place waves_place(const struct waves *w, uint32_t queue);

/* Waves that @nr_queues need. */
uint32_t waves_nr(const struct waves *w, uint32_t nr_queues);

/* The queue at @place; the inverse of waves_place(). */
uint32_t waves_queue(const struct waves *w, struct wave_place place);

#endif
