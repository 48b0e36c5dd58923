/* SPDX-License-Identifier: MIT */
/*
 * The partition's reference clock: 100 ns units, made from the guest's TSC as
 * the reference TSC page has it.
 *
 * Source: TLFS 12.7.3: ReferenceTime = ((VirtualTsc * TscScale) >> 64) +
 * TscOffset.
 */
#ifndef VMFERRY_VMM_HYPERV_CLOCK_H
#define VMFERRY_VMM_HYPERV_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct hv_clock {
	uint32_t sequence; /* 1..0xfffffffe: both ends mean something else */
	uint64_t scale;
	int64_t offset;
};

/* 10 MHz / @tsc_hz, 0.64 fixed point, rounded down. 0 if @tsc_hz is no more
 * than 10 MHz: it cannot be said. */
uint64_t hv_clock_scale(uint64_t tsc_hz);

/* The reference time at @tsc; wraps as the guest's own sum does. */
uint64_t hv_clock_at(const struct hv_clock *clock, uint64_t tsc);

/* A clock that says @ref at @tsc. */
void hv_clock_start(struct hv_clock *clock, uint64_t tsc_hz, uint64_t tsc,
		    uint64_t ref);

/* What is known when a machine goes on elsewhere. */
struct hv_clock_move {
	uint64_t ref; /* when it was saved */
	uint64_t elapsed_100ns; /* real time since then */
	uint64_t tsc; /* the guest's, now */
	uint64_t tsc_hz; /* and here */
	uint64_t saved_tsc_hz;
};

/**
 * hv_clock_move() - go on with a saved clock.
 *
 * Where the TSC went on by the time that passed, the clock stays as it is, to
 * the bit; else it gets a scale and an offset by which it is where it would be.
 * It never goes back behind @move->ref. The sequence changes in any case: a
 * guest that was reading the page reads it again.
 *
 * Return: true if the page says something else than before.
 */
bool hv_clock_move(struct hv_clock *clock, const struct hv_clock_move *move);

#endif
