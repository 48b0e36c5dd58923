/* SPDX-License-Identifier: MIT */
/*
 * The migration region of v1: registers, and behind them a window for data.
 * Source: Linux 5.17, include/uapi/linux/vfio.h, vfio_device_migration_info.
 */
#ifndef VMFERRY_VFIO_DEVICE_V1_H
#define VMFERRY_VFIO_DEVICE_V1_H

#include <stddef.h>
#include <stdint.h>

struct vfio_device;

#define DEVICE_V1_DATA_OFFSET 4096u
#define DEVICE_V1_DATA_BYTES (1u << 20)
#define DEVICE_V1_REGION_BYTES (DEVICE_V1_DATA_OFFSET + DEVICE_V1_DATA_BYTES)

struct device_v1 {
	uint64_t data_size; /* of what stands in the window */
	uint8_t *data; /* the region; NULL = there is none */
	int fd;
};

void device_v1_reset(struct device_v1 *v);

/* Accesses within the region. 0, or the -errno of a change of state, or
 * -EINVAL: what may not be accessed so. */
int device_v1_read(struct vfio_device *d, uint64_t offset, void *data,
		   size_t bytes);
int device_v1_write(struct vfio_device *d, uint64_t offset, const void *data,
		    size_t bytes);

#endif
