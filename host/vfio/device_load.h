/* SPDX-License-Identifier: MIT */
/* The device's state on its way in, from whoever; nothing of it is believed. */
#ifndef VMFERRY_VFIO_DEVICE_LOAD_H
#define VMFERRY_VFIO_DEVICE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/device_stream.h"

struct device_core;
struct vfio_device;
struct XXH3_state_s;

#define LOAD_SMALL_BYTES 2048u

struct device_load {
	bool active;
	bool failed; /* for good: the stream was refused */
	bool head_seen, core_seen, memory_seen, last_seen;
	struct stream_header record; /* that is coming in */
	size_t header_have;
	uint64_t have; /* of its payload */
	uint8_t small[LOAD_SMALL_BYTES]; /* the payload, */
	uint8_t *to; /* or where it goes at once */
	uint64_t *chunks_seen;
	uint64_t nr_chunks_seen, changes;
	struct device_core *core; /* for the end */
	uint64_t digest; /* before the last record */
	struct XXH3_state_s *hash;
};

/* 0 or -ENOMEM. */
int device_load_begin(struct vfio_device *d);
/* Aborts, also what is not active. */
void device_load_abort(struct device_load *l);

/**
 * device_load_write() - the next bytes, cut anywhere.
 * Return: 0, or -EINVAL: no stream of a device like this one, now and for all
 * that is written after it.
 */
int device_load_write(struct vfio_device *d, const void *data, size_t bytes);

/* Takes over what was written. -EINVAL: it is not whole, or was refused; then
 * the load is still active. */
int device_load_finish(struct vfio_device *d);

#endif
