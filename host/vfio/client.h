/* SPDX-License-Identifier: MIT */
/*
 * A VFIO device as its user sees it: a vfio-user socket, or a group of the
 * kernel's. One set of functions for both, migration v1 and v2 alike.
 *
 * All return 0 or -errno: what the device refused with, or -ENOTCONN once it
 * has hung or gone away; vfio_client_why() has the sentence then. A reply that
 * breaks the protocol counts as gone.
 *
 * Context: any thread; calls wait for each other. A callback must not call.
 */
#ifndef VMFERRY_VFIO_CLIENT_H
#define VMFERRY_VFIO_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vfio/uapi.h"

#define VFIO_MAX_AREAS 16u
/* In the field messages of vfio-user with more than 64 KiB of payload are cut
 * or refused, whatever was offered: that, less what stands before the data. */
#define VFIO_CLIENT_ROOM (65536u - 16u)

enum vfio_protocol {
	VFIO_PROTOCOL_ANY, /* v2 where the device has it, else v1 */
	VFIO_PROTOCOL_V2, /* features */
	VFIO_PROTOCOL_V1, /* a migration region */
};

struct vfio_client_params {
	const char *target; /* a UNIX socket's path, fd:N, or /dev/vfio/N */
	const char *sysfs_device; /* of a group with several; NULL = the one */
	enum vfio_protocol protocol;
	unsigned int timeout_ms; /* of each call */
	/* Bytes of state at once, at most; 0 = VFIO_CLIENT_ROOM, which works
	 * with every peer known. Less if the peer takes less. */
	size_t room;
	int cancel_fd; /* readable: give up connecting; -1 = none */
	/*
	 * The device reads or writes memory that it has no descriptor of.
	 * Return: 0 or -errno. NULL: always refused.
	 */
	int (*dma)(void *ctx, uint64_t address, void *data, uint64_t bytes,
		   bool write);
	void *ctx;
};

struct vfio_region {
	uint64_t bytes; /* 0 = there is none of that index */
	uint32_t flags; /* VFIO_REGION_INFO_FLAG_* */
	uint32_t type, subtype; /* 0 = it says none */
	int fd; /* of the parts that may be mapped; the caller's, -1 = none */
	uint64_t fd_offset; /* of the region in it */
	unsigned int nr_areas; /* that may be mapped */
	struct {
		uint64_t offset, bytes; /* in the region */
	} area[VFIO_MAX_AREAS];
};

/* What has gone over the wire; a system call counts as a message each way. */
struct vfio_traffic {
	uint64_t messages, bytes_in, bytes_out;
};

struct vfio_client;

/**
 * vfio_client_open() - connect to a device, and ask what it can do.
 *
 * Return: 0; -ENOTCONN, -ETIMEDOUT, ...: nobody there; -EPROTO: no such device;
 * -EOPNOTSUPP: not of that protocol. Each with a sentence.
 */
int vfio_client_open(const struct vfio_client_params *params,
		     struct vfio_client **ret, struct error *err);
void vfio_client_close(struct vfio_client *c);

/* Constant. */
uint32_t vfio_client_nr_regions(const struct vfio_client *c);
uint32_t vfio_client_nr_irqs(const struct vfio_client *c);
bool vfio_client_can_reset(const struct vfio_client *c);
bool vfio_client_is_v1(const struct vfio_client *c);
/* MIG_FLAG_*; 0 = its state does not move. */
uint64_t vfio_client_flags(const struct vfio_client *c);
/* Does it have dirty logging? */
bool vfio_client_logs(const struct vfio_client *c);
/* The socket or the device: a hang-up makes it readable. */
int vfio_client_fd(const struct vfio_client *c);
/* Why the last call failed; "" = it did not. Of the calling thread's. */
const char *vfio_client_why(const struct vfio_client *c);
void vfio_client_traffic(struct vfio_client *c, struct vfio_traffic *ret);

/* ---- the device ---------------------------------------------------------- */

int vfio_client_region(struct vfio_client *c, uint32_t index,
		       struct vfio_region *ret);
int vfio_client_read(struct vfio_client *c, uint32_t region, uint64_t offset,
		     void *data, uint32_t bytes);
int vfio_client_write(struct vfio_client *c, uint32_t region, uint64_t offset,
		      const void *data, uint32_t bytes);
/* Vectors of an index (VFIO_PCI_MSIX_IRQ_INDEX, ...). */
int vfio_client_irq_count(struct vfio_client *c, uint32_t index, uint32_t *ret);
/* @fds: -1 = none for that vector; @nr 0: the index is off. */
int vfio_client_set_irqs(struct vfio_client *c, uint32_t index, uint32_t start,
			 uint32_t nr, const int *fds);
/**
 * vfio_client_map() - let the device reach memory.
 * @fd, @fd_offset: where it lies; -1 = by messages (vfio-user only).
 * @hva: where it is mapped here (the kernel's only).
 */
int vfio_client_map(struct vfio_client *c, uint64_t iova, uint64_t bytes,
		    bool writeable, int fd, uint64_t fd_offset, void *hva);
int vfio_client_unmap(struct vfio_client *c, uint64_t iova, uint64_t bytes);
int vfio_client_reset(struct vfio_client *c);
/* Commands that have come meanwhile (dma of the parameters). */
int vfio_client_serve(struct vfio_client *c);

/* ---- its state ----------------------------------------------------------- */

/* enum mig_state, of v1 too. */
int vfio_client_get_state(struct vfio_client *c, uint32_t *ret);
/* Straight there, whatever the path; after a failure it may be anywhere. */
int vfio_client_set_state(struct vfio_client *c, uint32_t state);
/* What is left to be read in STOP_COPY; a guess. -EOPNOTSUPP: not told. */
int vfio_client_data_size(struct vfio_client *c, uint64_t *ret);
/* PRE_COPY only. -EOPNOTSUPP: not told (vfio-user has no such message). */
int vfio_client_precopy_info(struct vfio_client *c,
			     struct mig_precopy_info *ret);
/**
 * vfio_client_data_read() - the next of the state, in the saving group.
 * @ret_bytes: up to @bytes; fewer is no end yet.
 * @ret_end: there is no more: for now in PRE_COPY, at all in STOP_COPY.
 */
int vfio_client_data_read(struct vfio_client *c, void *data, size_t bytes,
			  size_t *ret_bytes, bool *ret_end);
/* All of it, in RESUMING. After a failure the stream is lost. */
int vfio_client_data_write(struct vfio_client *c, const void *data,
			   size_t bytes);

/*
 * The same in halves, so that two devices may work at once: asking does not
 * wait for the data, giving not for the device to have taken it. Several halves
 * may stand open, all of one kind and all asked for the same size; they close
 * in order. Until then the client can do nothing else.
 */
int vfio_client_data_ask(struct vfio_client *c, size_t bytes);
/* @ret_data: @c's, until the next call but data_ask(). What was asked for
 * behind the end may still have data: in PRE_COPY there is more by then. */
int vfio_client_data_take(struct vfio_client *c, const void **ret_data,
			  size_t *ret_bytes, bool *ret_end);
int vfio_client_data_give(struct vfio_client *c, const void *data,
			  size_t bytes);
int vfio_client_data_settle(struct vfio_client *c);
/* The most that one of them takes at once. */
size_t vfio_client_data_room(const struct vfio_client *c);

/* ---- dirty logging ------------------------------------------------------- */

int vfio_client_log_start(struct vfio_client *c, uint64_t page_size,
			  const struct mig_logging_range *ranges, uint32_t nr);
int vfio_client_log_stop(struct vfio_client *c);
/* @map: a bit a page from @iova on, whole 64-bit words; ORed into. On failure
 * take all of it as dirty. */
int vfio_client_log_report(struct vfio_client *c, uint64_t iova, uint64_t bytes,
			   uint64_t page_size, uint64_t *map);

#endif
