/* SPDX-License-Identifier: MIT */
/* The heartbeat: all clocks read together, logged and told at a fixed pace. */
#ifndef VMFERRY_GUEST_HEARTBEAT_H
#define VMFERRY_GUEST_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

/* Beat every @ms from now on; 0 = no more. */
void heartbeat_set(uint64_t ms);

/**
 * heartbeat_command() - set heartbeat=TIME or, for sabotage, tsc_shift=TIME.
 *
 * The latter moves the TSC ahead, or what the heartbeat takes for it. The reply
 * is printed. Return: false if @key is neither of the two.
 */
bool heartbeat_command(const char *key, const char *value);

/* Do what is due. Context: the first vCPU's loop. */
void heartbeat_poll(void);

/* When the next beat is due, as a TSC value; UINT64_MAX = never. */
uint64_t heartbeat_next(void);

#endif
