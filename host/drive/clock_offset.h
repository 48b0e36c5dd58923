/* SPDX-License-Identifier: MIT */
/*
 * How far another host's clock is from ours: an interval, never a guess.
 *
 * What the other side stamps between our question and our receipt of the answer
 * bounds the difference from both sides; the shortest round trip bounds it
 * best. Each clock is compared with CLOCK_MONOTONIC of this host, so that two
 * of them can be compared with each other. Pure.
 */
#ifndef VMFERRY_DRIVE_CLOCK_OFFSET_H
#define VMFERRY_DRIVE_CLOCK_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

/* Their clock less ours lies in [low, high]. All zero: nothing is known. */
struct clock_offset {
	bool known;
	int64_t low_ns, high_ns;
};

/**
 * clock_offset_see() - take in one exchange.
 * @sent_ns: our clock before the question was sent.
 * @stamp_us: their clock, whole microseconds, rounded down; -1 = none.
 * @arrived_ns: our clock when the answer was here.
 *
 * Narrows the interval. One that contradicts it (a clock was set meanwhile, or
 * somebody lies) widens it to hold both. What cannot be is left out.
 */
void clock_offset_see(struct clock_offset *c, uint64_t sent_ns,
		      int64_t stamp_us, uint64_t arrived_ns);

/* Both hold, or else (the clocks drift apart) anything between them. */
void clock_offset_join(struct clock_offset *c,
		       const struct clock_offset *later);

/**
 * clock_offset_between() - @b's clock less @a's.
 * @ret_error_us: the true difference is within @ret_offset_us +- this.
 *
 * Return: false if one of the two is not known.
 */
bool clock_offset_between(const struct clock_offset *a,
			  const struct clock_offset *b, double *ret_offset_us,
			  double *ret_error_us);

/* A moment that they stamped, by our clock; the middle of what it can be. */
int64_t clock_offset_ours_ns(const struct clock_offset *c, int64_t stamp_us);

#endif
