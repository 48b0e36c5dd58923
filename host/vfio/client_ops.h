/* SPDX-License-Identifier: MIT */
/* What a backend of the client does; the lock is held in each. */
#ifndef VMFERRY_VFIO_CLIENT_OPS_H
#define VMFERRY_VFIO_CLIENT_OPS_H

#include <pthread.h>

#include "vfio/client.h"
#include "vfio/user_version.h"
#include "vfio/user_wire.h"

/* As the functions of client.h that are called like them. */
struct client_ops {
	void (*close)(struct vfio_client *c);
	int (*region)(struct vfio_client *c, uint32_t index,
		      struct vfio_region *ret);
	int (*read)(struct vfio_client *c, uint32_t region, uint64_t offset,
		    void *data, uint32_t bytes);
	int (*write)(struct vfio_client *c, uint32_t region, uint64_t offset,
		     const void *data, uint32_t bytes);
	int (*irq_count)(struct vfio_client *c, uint32_t index, uint32_t *ret);
	int (*set_irqs)(struct vfio_client *c, uint32_t index, uint32_t start,
			uint32_t nr, const int *fds);
	int (*map)(struct vfio_client *c, uint64_t iova, uint64_t bytes,
		   bool writeable, int fd, uint64_t fd_offset, void *hva);
	int (*unmap)(struct vfio_client *c, uint64_t iova, uint64_t bytes);
	int (*reset)(struct vfio_client *c);
	int (*serve)(struct vfio_client *c);
};

/* Migration, likewise; v1's goes over the regions of either backend. */
struct client_migration_ops {
	int (*get_state)(struct vfio_client *c, uint32_t *ret);
	int (*set_state)(struct vfio_client *c, uint32_t state);
	int (*data_size)(struct vfio_client *c, uint64_t *ret);
	int (*precopy_info)(struct vfio_client *c,
			    struct mig_precopy_info *ret); /* may be NULL */
	int (*data_ask)(struct vfio_client *c, size_t bytes);
	int (*data_take)(struct vfio_client *c, const void **ret_data,
			 size_t *ret_bytes, bool *ret_end);
	int (*data_give)(struct vfio_client *c, const void *data, size_t bytes);
	int (*data_settle)(struct vfio_client *c);
	int (*log_start)(struct vfio_client *c, uint64_t page_size,
			 const struct mig_logging_range *ranges, uint32_t nr);
	int (*log_stop)(struct vfio_client *c);
	int (*log_report)(struct vfio_client *c, uint64_t iova, uint64_t bytes,
			  uint64_t page_size, uint64_t *map);
};

/* Migration v1: its region, its window of data. */
struct client_v1 {
	uint32_t region;
	uint64_t region_bytes;
	uint32_t state; /* enum mig_v1_state, as set last */
	uint8_t *mapped; /* the region, where it may be mapped; or NULL */
	uint64_t mapped_from, mapped_to; /* of it, really */
	void *area; /* as mmap(2) gave it */
	size_t area_bytes;
	uint8_t *buffer; /* for what is not mapped */
	size_t asked;
	uint64_t left_at, left; /* of the window, not taken yet */
	/* The same of a window that a change of state ended. */
	uint8_t *carry;
	uint64_t carry_at, carry_left;
};

struct vfio_client {
	struct vfio_client_params params;
	const struct client_ops *ops;
	const struct client_migration_ops *mig; /* NULL = it has none */
	pthread_mutex_t lock;
	uint32_t nr_regions, nr_irqs, device_flags;
	uint64_t flags; /* MIG_FLAG_* */
	bool is_v1, logs;
	bool lost; /* hung or gone: no call any more */
	struct error why;
	size_t room; /* of one piece of data */
	size_t asked; /* of data, each time */
	uint64_t calls; /* the kernel's */
	uint64_t bytes_in, bytes_out; /* the kernel's data */

	/* vfio-user */
	struct user_wire wire;
	struct user_message reply; /* of the last call */
	struct user_caps peer;
	uint16_t begun; /* the id of the first call without its reply yet */
	unsigned int nr_begun; /* such calls, their ids one after another */

	/* The kernel */
	int container_fd, group_fd, device_fd, data_fd;
	uint8_t *buffer; /* of `room` */

	struct client_v1 v1;
};

int client_user_open(struct vfio_client *c, struct error *err);
int client_kernel_open(struct vfio_client *c, struct error *err);
/* Looks for a region of v1. -EOPNOTSUPP: there is none. */
int client_v1_open(struct vfio_client *c);
void client_v1_close(struct vfio_client *c);
/* Of vfio-user's (client_v1_log.c); elsewhere -EOPNOTSUPP. */
int client_v1_log_start(struct vfio_client *c, uint64_t page_size,
			const struct mig_logging_range *ranges, uint32_t nr);
int client_v1_log_stop(struct vfio_client *c);
int client_v1_log_report(struct vfio_client *c, uint64_t iova, uint64_t bytes,
			 uint64_t page_size, uint64_t *map);
/* What of migration v2 the device has, if any. */
int client_user_probe(struct vfio_client *c);

/* ---- of vfio-user (client_user.c) --------------------------------------- */

/* A command: its reply is c->reply. */
int client_user_call(struct vfio_client *c, uint16_t command, const void *head,
		     size_t head_bytes, const void *data, size_t bytes,
		     const int *fds, unsigned int nr_fds);
/* In two halves; several may be begun, their replies come in order. */
int client_user_begin(struct vfio_client *c, uint16_t command, const void *head,
		      size_t head_bytes, const void *data, size_t bytes,
		      const int *fds, unsigned int nr_fds);
int client_user_end(struct vfio_client *c, uint16_t command);
/* A reply that makes no sense: the device is lost. -ENOTCONN. */
int client_user_nonsense(struct vfio_client *c, const char *what);

/* Fills in a region's capabilities out of an answer of @bytes, hostile. */
int client_region_caps(const void *info, size_t bytes, struct vfio_region *ret);

#endif
