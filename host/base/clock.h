/* SPDX-License-Identifier: MIT */
/* Time: nanoseconds of CLOCK_MONOTONIC, everywhere on the host. */
#ifndef VMFERRY_BASE_CLOCK_H
#define VMFERRY_BASE_CLOCK_H

#include <stdint.h>

#define NSEC_PER_USEC 1000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_SEC 1000000000ull

uint64_t clock_now_ns(void);
/* Sleeps until @deadline_ns; goes on after signals. */
void clock_sleep_until_ns(uint64_t deadline_ns);

#endif
