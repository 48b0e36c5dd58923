/* SPDX-License-Identifier: MIT */
/* The vfio-user devices of a mini VMM: processes of ours, or somebody's
 * sockets. */
#ifndef VMFERRY_DRIVE_VM_VFIO_H
#define VMFERRY_DRIVE_VM_VFIO_H

#include <sys/types.h>

#include "base/error.h"

#define DRIVE_MAX_VFIO 4u

/* What a machine gets; of the two the one that has any. */
struct drive_vfio_params {
	/* Devices to be started: options of `vmferry vfio device`, as
	 * "state-size=256M,precopy=off"; "" = as it comes. */
	unsigned int nr_devices;
	const char *device[DRIVE_MAX_VFIO];
	/* UNIX sockets where devices are served. */
	unsigned int nr_sockets;
	const char *socket[DRIVE_MAX_VFIO];
};

/* Those that were started. */
struct drive_vfio {
	unsigned int nr;
	pid_t pid[DRIVE_MAX_VFIO]; /* 0 = gone */
	char log_path[DRIVE_MAX_VFIO][160];
};

/**
 * drive_vfio_start() - start a machine's devices.
 * @dir, @name: of the machine, for their logs.
 * @ret_fds: a connected socket each, close-on-exec, for the VMM; to be closed.
 *
 * Each ends with its client, or with us. Return: 0 or -errno, a sentence; then
 * none is left.
 */
int drive_vfio_start(const struct drive_vfio_params *params, const char *dir,
		     const char *name, struct drive_vfio *ret,
		     int ret_fds[DRIVE_MAX_VFIO], struct error *err);
/* Ends them, and waits for that. Fine on zeros. */
void drive_vfio_stop(struct drive_vfio *v);
/*
 * Of devices that did not begin: what the first one said, as a sentence.
 * Return: -EINVAL if it was called wrongly; 0 if all are there, or had nothing
 * to say.
 */
int drive_vfio_explain(struct drive_vfio *v, struct error *err);

#endif
