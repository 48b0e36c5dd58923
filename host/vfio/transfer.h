/* SPDX-License-Identifier: MIT */
/*
 * A device's state, moved without a machine: from a device or a file to a
 * device or a file.
 *
 * A piece is asked of the one while the other takes the piece before, so that
 * both devices work. Memory is that of a piece, whatever the state's size.
 */
#ifndef VMFERRY_VFIO_TRANSFER_H
#define VMFERRY_VFIO_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vfio/client.h"

struct state_file;

struct transfer {
	/* One of each two; the other is NULL. */
	struct vfio_client *from, *to;
	struct state_file *load, *save;
	bool precopy; /* where the source has it, once through its state */
	unsigned int depth; /* pieces that stand open at once; at least 1 */
	bool source_runs; /* afterwards; else it stays in STOP */
	bool (*pending)(void); /* give up? May be NULL. */
	/* Told now and then; may be NULL. */
	void (*progress)(void *ctx, uint64_t bytes);
	void *progress_ctx;
};

/* What is 0 did not happen. */
struct transfer_stats {
	uint64_t precopy_bytes, stop_bytes;
	uint64_t prepare_ns; /* the target's way to RESUMING */
	uint64_t precopy_ns; /* the source's way there, and that data */
	uint64_t stop_ns; /* the source's way to STOP_COPY */
	uint64_t copy_ns; /* the data from there */
	uint64_t finish_ns; /* the target's way out of RESUMING */
	uint64_t total_ns;
	uint64_t stopped_ns; /* neither of them ran */
	struct vfio_traffic from, to; /* of this transfer */
};

/**
 * transfer_run() - move it once.
 *
 * A source must be in RUNNING. On failure it goes back there, and a target is
 * reset, so that both are of use afterwards; what failed of that is in the
 * sentence, too. A target that took all of it is in RUNNING.
 *
 * Return: 0 if nobody reported any error; -ECANCELED; -EBUSY: the source is in
 * another state; -EOPNOTSUPP: a device's state does not move; -ENOTCONN; or
 * what a device refused with.
 */
int transfer_run(const struct transfer *t, struct transfer_stats *ret,
		 struct error *err);

/**
 * transfer_reset() - reset a device, whatever an earlier client left it in.
 *
 * Some servers refuse a reset in STOP and STOP_COPY: it is brought to RUNNING
 * first then.
 *
 * Return: as vfio_client_reset().
 */
int transfer_reset(struct vfio_client *c);

#endif
