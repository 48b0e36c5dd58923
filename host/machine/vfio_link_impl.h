/* SPDX-License-Identifier: MIT */
/* The inside of a connection to a vfio-user device. */
#ifndef VMFERRY_MACHINE_VFIO_LINK_IMPL_H
#define VMFERRY_MACHINE_VFIO_LINK_IMPL_H

#include <pthread.h>

#include "machine/vfio_link.h"
#include "vfio/user_version.h"
#include "vfio/user_wire.h"

struct vfio_link {
	struct vfio_link_events events;
	char path[108];
	pthread_mutex_t lock; /* for what follows, to `thread` */
	struct user_wire wire;
	bool lost;
	struct error why; /* if lost */
	struct user_caps peer;
	uint8_t *dma; /* of a DMA that the device asks for */
	pthread_t thread;
	bool has_thread;
	int stop_fd; /* eventfd: the thread ends */
};

/* A command: what goes out, and where the reply goes. */
struct link_call {
	uint16_t command;
	const void *head; /* the first part of the payload, */
	size_t head_bytes;
	const void *data; /* and the second */
	size_t data_bytes;
	const int *fds;
	unsigned int nr_fds;
	void *reply; /* so much of the payload is wanted, */
	size_t reply_bytes;
	size_t least_bytes; /* and so much there must be */
	size_t got_bytes; /* of the reply's payload, all of it */
	int fd; /* that came with it; -1 = none */
	uint64_t fd_bytes;
};

/* 0; -ENOTCONN: the connection is lost; or what the device said. */
int link_call(struct vfio_link *l, struct link_call *c);

#endif
