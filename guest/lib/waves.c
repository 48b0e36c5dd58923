/* SPDX-License-Identifier: MIT */
/* Queues in turn: over the vCPUs, then over the vectors, then over waves. */
#include "lib/waves.h"

struct wave_place waves_place(const struct waves *w, uint32_t queue)
{
	struct wave_place place = {
		.cpu = queue % w->nr_cpus,
		.vector = queue / w->nr_cpus % w->nr_vectors,
		.wave = queue / w->nr_cpus / w->nr_vectors,
	};

	return place;
}

uint32_t waves_nr(const struct waves *w, uint32_t nr_queues)
{
	return nr_queues ? waves_place(w, nr_queues - 1).wave + 1 : 0;
}

uint32_t waves_queue(const struct waves *w, struct wave_place place)
{
	return (place.wave * w->nr_vectors + place.vector) * w->nr_cpus +
	       place.cpu;
}
