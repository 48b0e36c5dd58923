/* SPDX-License-Identifier: MIT */
/*
 * Where the guest's TSC lies on our clock.
 *
 * Each look from outside at a moment that the guest has stamped bounds it from
 * both sides: it was not there at the look before, and it was by now. Two looks
 * that follow each other closely, with a stamp between, bound it to
 * microseconds, and then any stamp is known as well as that, however long ago
 * the look before was. Pure.
 */
#ifndef VMFERRY_DRIVE_GUEST_CLOCK_H
#define VMFERRY_DRIVE_GUEST_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* All zero but tsc_hz at first. */
struct guest_clock {
	uint64_t tsc_hz; /* 0 = unknown: it tells nothing */
	/* Host time - TSC time: not below, not above. */
	int64_t low_ns, high_ns;
	uint64_t at_ns; /* the last look; 0 = none yet */
};

/**
 * guest_clock_see() - a stamp has been seen.
 * @after_ns: host time of a moment before it was made; 0 = unknown.
 * @by_ns: host time of a moment after it was made, this look.
 *
 * The two clocks may drift apart by 500 ppm: older bounds count less and less.
 */
void guest_clock_see(struct guest_clock *c, uint64_t tsc, uint64_t after_ns,
		     uint64_t by_ns);

/* How far apart the bounds lie; UINT64_MAX while nothing is known. */
uint64_t guest_clock_width_ns(const struct guest_clock *c);

/* The host time of @tsc, its bounds; false while nothing is known of it. */
bool guest_clock_bounds(const struct guest_clock *c, uint64_t tsc,
			uint64_t *ret_earliest_ns, uint64_t *ret_latest_ns);

#endif
