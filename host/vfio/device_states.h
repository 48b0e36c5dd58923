/* SPDX-License-Identifier: MIT */
/* The device's migration states: direct arcs, and the paths made of them. */
#ifndef VMFERRY_VFIO_DEVICE_STATES_H
#define VMFERRY_VFIO_DEVICE_STATES_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio/uapi.h"

/* Is there such a state with these MIG_FLAG_*, ERROR excepted? */
bool device_state_exists(uint32_t state, uint64_t flags);
/* Is it one of the saving group: may data be read? */
bool device_state_saves(uint32_t state);
/* May the device start transactions of its own? */
bool device_state_has_dma(uint32_t state);

/**
 * device_state_next() - the first step from one state towards another.
 * @ret: the next state of the shortest path without a state of the saving
 *	group inside of it, unless it begins and ends in that group.
 *
 * Return: 0, or -EINVAL if there is no path, or it must not be gone.
 * Source: linux/vfio.h (Linux 6.12), enum vfio_device_mig_state.
 */
int device_state_next(uint32_t from, uint32_t to, uint64_t flags,
		      uint32_t *ret);

/* "RUNNING"; "?" for what is none. */
const char *device_state_name(uint32_t state);
/* -EINVAL if there is none of that name. */
int device_state_parse(const char *name, uint32_t *ret);

#endif
