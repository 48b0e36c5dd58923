/* SPDX-License-Identifier: MIT */
/*
 * One vfio-user device as the machine uses it: a connection that any thread may
 * use, and that is lost once for all.
 *
 * Calls wait for each other and, at most, as long as the limit for their reply.
 * After the first error of the connection all of them give -ENOTCONN; the
 * sentence is vfio_link_why()'s. What the device refuses is an error of the call
 * alone. Source: QEMU, docs/interop/vfio-user.rst.
 */
#ifndef VMFERRY_MACHINE_VFIO_LINK_H
#define VMFERRY_MACHINE_VFIO_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "vfio/uapi.h"

struct vfio_link;

struct vfio_link_events {
	/* The device wants guest memory; 0 or -errno. With the link locked. */
	int (*dma)(void *ctx, bool write, uint64_t gpa, void *data,
		   size_t bytes);
	/* The connection is lost; once, from the link's own thread. */
	void (*lost)(void *ctx, const char *sentence);
	void *ctx;
};

/* Connects to a UNIX socket, or has it as "fd:N", agrees on a version, and listens for what the device wants. */
int vfio_link_open(const char *path, const struct vfio_link_events *events,
		   struct vfio_link **ret_link, struct error *err);
/* Ends the listening: no event comes after it. The calls go on working. */
void vfio_link_quiet(struct vfio_link *l);
/* NULL is fine. */
void vfio_link_close(struct vfio_link *l);
const char *vfio_link_path(const struct vfio_link *l);
/* Behind -ENOTCONN: why the connection is lost. */
const char *vfio_link_why(const struct vfio_link *l);

#define VFIO_LINK_MAX_AREAS 8u

struct vfio_link_region {
	uint64_t bytes;
	uint32_t flags; /* VFIO_REGION_INFO_FLAG_* */
	int fd; /* the caller's now; -1 = none */
	uint64_t fd_offset;
	unsigned int nr_areas; /* that may be mapped */
	struct vfio_region_sparse_mmap_area area[VFIO_LINK_MAX_AREAS];
};

int vfio_link_region(struct vfio_link *l, uint32_t index,
		     struct vfio_link_region *ret_region);
int vfio_link_read(struct vfio_link *l, uint32_t region, uint64_t offset,
		   void *data, size_t bytes);
int vfio_link_write(struct vfio_link *l, uint32_t region, uint64_t offset,
		    const void *data, size_t bytes);
int vfio_link_nr_irqs(struct vfio_link *l, uint32_t index, uint32_t *ret_nr);
/* From vector 0 on; the descriptors stay the caller's. */
int vfio_link_set_eventfds(struct vfio_link *l, uint32_t index, const int *fds,
			   unsigned int nr);
int vfio_link_map(struct vfio_link *l, uint64_t gpa, uint64_t bytes, int fd,
		  uint64_t fd_offset);
int vfio_link_reset(struct vfio_link *l);

/* Migration. VFIO_MIGRATION_* of the device; -ENOTTY: it cannot migrate. */
int vfio_link_flags(struct vfio_link *l, uint64_t *ret_flags);
int vfio_link_get_state(struct vfio_link *l, enum mig_state *ret_state);
/* A refusal leaves any state of the path. */
int vfio_link_set_state(struct vfio_link *l, enum mig_state state);
int vfio_link_data_size(struct vfio_link *l, uint64_t *ret_bytes);
/* Return: bytes; fewer than asked for: no more for now; or -errno. */
ssize_t vfio_link_data_read(struct vfio_link *l, void *data, size_t bytes);
/* All of it. */
int vfio_link_data_write(struct vfio_link *l, const void *data, size_t bytes);
int vfio_link_log_start(struct vfio_link *l,
			const struct mig_logging_range *ranges,
			unsigned int nr);
int vfio_link_log_stop(struct vfio_link *l);
/* ORs into @bitmap: bit 0 is the page at @gpa. */
int vfio_link_log_report(struct vfio_link *l, uint64_t gpa, uint64_t bytes,
			 uint64_t *bitmap);

#endif
