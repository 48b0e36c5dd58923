/* SPDX-License-Identifier: MIT */
/* The device's state on its way out, as far as somebody reads it. */
#ifndef VMFERRY_VFIO_DEVICE_SAVE_H
#define VMFERRY_VFIO_DEVICE_SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vfio_device;
struct XXH3_state_s;

#define SAVE_SMALL_BYTES 2048u

struct device_save {
	bool active;
	bool stopped; /* the device changes no more: all is to go out */
	bool head_done, initial_done, core_done, memory_done, ended;
	uint64_t initial_chunks; /* those of the first part */
	uint8_t small[SAVE_SMALL_BYTES]; /* what goes out first */
	size_t small_at, small_bytes;
	const uint8_t *run; /* and then this */
	uint64_t run_bytes;
	bool unhashed; /* LAST is */
	struct XXH3_state_s *hash;
};

/* Begins a stream. 0 or -ENOMEM. */
int device_save_begin(struct vfio_device *d);
/* From here on the rest of it. */
void device_save_stop(struct vfio_device *d);
/* Ends it, also one that is not active. */
void device_save_end(struct device_save *s);

/**
 * device_save_read() - the next bytes of the stream.
 * Return: fewer than @bytes if there are no more, for now or for ever.
 */
size_t device_save_read(struct vfio_device *d, void *data, size_t bytes);

/* Bytes that there are for reading now; 0 only if there are none. */
uint64_t device_save_pending(const struct vfio_device *d);
/* Bytes that would come if the device were stopped now. */
uint64_t device_save_left(const struct vfio_device *d);

#endif
