/* SPDX-License-Identifier: MIT */
/* The heartbeat: all clocks read together, logged and told at a fixed pace. */
#ifndef VMFERRY_GUEST_HEARTBEAT_H
#define VMFERRY_GUEST_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

/* Beat every @ms from now on; 0 = no more. */
void heartbeat_set(uint64_t ms);

/**
 * heartbeat_shift() - move the TSC ahead by @ms: sabotage.
 *
 * Return: true if the TSC itself moved; where it cannot be written, what the
 * heartbeat takes for it does.
 */
bool heartbeat_shift(uint64_t ms);

/* Do what is due. Context: the first vCPU's loop. */
void heartbeat_poll(void);

/* When the next beat is due, as a TSC value; UINT64_MAX = never. */
uint64_t heartbeat_next(void);

#endif
