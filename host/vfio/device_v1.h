/* SPDX-License-Identifier: MIT */
/* The migration region of v1. */
#ifndef VMFERRY_VFIO_DEVICE_V1_H
#define VMFERRY_VFIO_DEVICE_V1_H

#include <stddef.h>
#include <stdint.h>

struct vfio_device;

#define DEVICE_V1_DATA_OFFSET 4096u
#define DEVICE_V1_DATA_BYTES (1u << 20)
#define DEVICE_V1_REGION_BYTES (DEVICE_V1_DATA_OFFSET + DEVICE_V1_DATA_BYTES)

struct device_v1 {
	uint32_t state; /* enum mig_v1_state */
	uint64_t data_size; /* of what stands in the region */
	uint8_t *data; /* the region; NULL = there is none */
	int fd;
};

/* 0 or -errno. */
int device_v1_init(struct device_v1 *v);
void device_v1_exit(struct device_v1 *v);
void device_v1_reset(struct device_v1 *v);

/* Accesses within the region. 0, or -EINVAL: what may not be written. */
int device_v1_read(struct vfio_device *d, uint64_t offset, void *data,
		   size_t bytes);
int device_v1_write(struct vfio_device *d, uint64_t offset, const void *data,
		    size_t bytes);

#endif
