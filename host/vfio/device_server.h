/* SPDX-License-Identifier: MIT */
/* The handlers of vfio-user commands, and what they hand back. */
#ifndef VMFERRY_VFIO_DEVICE_SERVER_H
#define VMFERRY_VFIO_DEVICE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vfio_device;
struct user_message;

/* A reply in the making. */
struct device_reply {
	uint8_t *data; /* room for USER_MAX_PAYLOAD */
	size_t bytes;
	int fd; /* goes with it, and stays its owner's; -1 = none */
	bool hang_up; /* leave this client, without a reply */
};

/*
 * Each: 0, or -errno for a reply that is an error. The payload has at least the
 * size that the table of commands says; all in it is hostile. Descriptors that
 * a handler does not take are closed after it.
 */
typedef int device_handler(struct vfio_device *d, struct user_message *m,
			   struct device_reply *r);

/* device_info.c */
device_handler device_handle_version;
device_handler device_handle_info;
device_handler device_handle_region_info;
device_handler device_handle_region_io_fds;
device_handler device_handle_reset;
/* device_irq.c */
device_handler device_handle_irq_info;
device_handler device_handle_set_irqs;
/* device_access.c */
device_handler device_handle_region_read;
device_handler device_handle_region_write;
device_handler device_handle_write_multi;
/* device_maps.c */
device_handler device_handle_dma_map;
device_handler device_handle_dma_unmap;
device_handler device_handle_dirty_pages;
/* device_feature.c */
device_handler device_handle_feature;
device_handler device_handle_mig_data_read;
device_handler device_handle_mig_data_write;

/* Appends to a reply; the caller knows that there is room. */
void device_reply_put(struct device_reply *r, const void *data, size_t bytes);

/* Bytes of a region; 0 = there is none of that index. */
uint64_t device_region_bytes(const struct vfio_device *d, uint32_t index);

#endif
