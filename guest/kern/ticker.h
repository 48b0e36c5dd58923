/* SPDX-License-Identifier: MIT */
/*
 * What happens by itself: the workload that nobody had to ask for, its
 * figures every now and then, and its end.
 */
#ifndef VMFERRY_GUEST_TICKER_H
#define VMFERRY_GUEST_TICKER_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/bootinfo.h"

/**
 * ticker_init() - start the workload, if the configuration says so.
 *
 * Keys: autostart=on|off, stats=TIME (an event that often), heartbeat=TIME
 * (clocks, that often), duration=TIME
 * (stop then, verify, and leave the result), poweroff=on (and end).
 * autostart is on where our own loader started the guest and nobody set
 * anything, and where there is no console; without a console the duration has
 * a default.
 */
void ticker_init(const struct boot_info *boot);

/* Do what is due. Context: the first vCPU's loop. */
void ticker_poll(void);

/* When the next thing is due, as a TSC value; UINT64_MAX = nothing is. */
uint64_t ticker_next(void);

/* For the timer's interrupt: is it ours to look at? */
bool ticker_waits(void);

#endif
