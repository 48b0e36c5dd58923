/* SPDX-License-Identifier: MIT */
/* The inside of the machine's vfio-user devices. */
#ifndef VMFERRY_MACHINE_VFIO_USER_IMPL_H
#define VMFERRY_MACHINE_VFIO_USER_IMPL_H

#include "machine/vfio_user.h"
#include "vfio/client.h"

struct vfio_dev {
	struct machine *m;
	const char *path;
	struct vfio_client *client;
	pthread_t thread; /* vfio_listen.c */
	bool has_thread;
	int stop_fd; /* eventfd: it ends */
	char name[16]; /* "vfio0" */
	bool migratable;
	uint64_t flags; /* MIG_FLAG_* */
	void (*lost)(struct vfio_dev *d, const char *sentence);
	_Atomic enum mig_state state; /* as it was set or read last */
	struct error lost_why; /* before */
	_Atomic bool is_lost; /* it has gone, unasked */
	/* Of the migration that goes on, by the engine's thread. */
	bool logging;
	bool initial_done; /* pre-copy has come to its first pause */
	_Atomic bool
		spoilt; /* it ran again behind STOP_COPY: the data is void */
	/* For machine_vfio_query(): of the last migration. */
	_Atomic uint64_t bytes, final_bytes, dma_pages, load_ns;
};

struct machine_vfio {
	unsigned int nr;
	struct vfio_dev dev[MACHINE_MAX_VFIO_USER];
	uint64_t *bitmap; /* of the largest region */
	_Atomic uint64_t stop_ns, run_ns; /* the last time, all devices */
};

/* "the vfio-user device at PATH <what>: <rc>", or why it is lost. Return: @rc,
 * or -EIO for one that is lost. */
int vfio_blame(struct vfio_dev *d, int rc, const char *what, struct error *err);
/* Return: as vfio_client_set_state(); d->state is what it is then. */
int vfio_set_state(struct vfio_dev *d, enum mig_state state);
const char *vfio_state_name(enum mig_state state);

/* vfio_listen.c: a thread hears what the device wants, and when it has gone:
 * then @lost is called, once. Return: 0 or -errno. */
int vfio_listen(struct vfio_dev *d,
		void (*lost)(struct vfio_dev *d, const char *sentence));
/* Fine if it does not listen. */
void vfio_listen_end(struct vfio_dev *d);

static inline bool vfio_is_saving(const struct vfio_dev *d)
{
	return d->state == MIG_STATE_PRE_COPY ||
	       d->state == MIG_STATE_PRE_COPY_P2P ||
	       d->state == MIG_STATE_STOP_COPY;
}

#endif
