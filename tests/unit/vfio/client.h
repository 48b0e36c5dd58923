/* SPDX-License-Identifier: MIT */
/* A device in a thread, and the plainest of clients, for tests of it. */
#ifndef VMFERRY_TESTS_UNIT_VFIO_CLIENT_H
#define VMFERRY_TESTS_UNIT_VFIO_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio/device.h"
#include "vfio/uapi.h"
#include "vfio/user_wire.h"

#define CLIENT_TIMEOUT_MS 20000

struct client {
	struct vfio_device *device;
	struct user_wire wire;
	struct user_message reply; /* of the last call */
	pthread_t thread;
	int stop_fd, served; /* what the device's thread ended with */
	int their_fd;
	/* Memory that the device writes by messages. */
	uint8_t *memory;
	uint64_t memory_address, memory_bytes;
	uint64_t dma_writes, dma_reads;
};

/* Parameters of a small device that can all. */
extern const struct device_params client_params;

/* A device, a connection to it, and VERSION. */
void client_start(struct client *c, const struct device_params *params);
void client_stop(struct client *c);
/* The two halves of it, the device made by the caller. */
void client_connect(struct client *c, struct vfio_device *device);
/* Without VERSION. */
void client_open(struct client *c, struct vfio_device *device);
void client_disconnect(struct client *c);

/* Return: 0 or what the device said. */
int client_call(struct client *c, uint16_t command, const void *payload,
		size_t bytes);
int client_call_fds(struct client *c, uint16_t command, const void *payload,
		    size_t bytes, const int *fds, unsigned int nr);
int client_call_with(struct client *c, uint16_t command, const void *head,
		     size_t head_bytes, const void *data, size_t bytes);

int client_region_read(struct client *c, uint32_t region, uint64_t offset,
		       void *data, uint32_t bytes);
int client_region_write(struct client *c, uint32_t region, uint64_t offset,
			const void *data, uint32_t bytes);
uint64_t client_reg(struct client *c, size_t offset, size_t bytes);
void client_set_reg(struct client *c, size_t offset, size_t bytes,
		    uint64_t value);

int client_feature(struct client *c, uint32_t flags, const void *data,
		   size_t bytes, size_t room);
int client_set_state(struct client *c, uint32_t state);
uint32_t client_state(struct client *c);
/* What came, or -errno. */
int client_data_read(struct client *c, void *data, uint32_t bytes);
int client_data_write(struct client *c, const void *data, uint32_t bytes);

int client_map(struct client *c, uint64_t address, uint64_t bytes, int fd);
int client_unmap(struct client *c, uint64_t address, uint64_t bytes);

#endif
