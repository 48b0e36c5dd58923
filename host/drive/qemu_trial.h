/* SPDX-License-Identifier: MIT */
/*
 * A QEMU that is started for a moment, to be asked what it can do.
 *
 * Its guest never runs (-S). It serves QMP on a socket pair and leaves no
 * file behind.
 */
#ifndef VMFERRY_DRIVE_QEMU_TRIAL_H
#define VMFERRY_DRIVE_QEMU_TRIAL_H

#include <sys/types.h>

#include "base/error.h"

struct qmp_client;

struct qemu_trial_params {
	const char *binary; /* a path */
	const char *machine; /* "none", "q35" */
	const char *accel; /* "kvm", "tcg" */
	const char *cpu; /* NULL: the machine's default */
};

struct qemu_trial {
	pid_t pid;
	int log_fd; /* what it prints */
	struct qmp_client *qmp;
};

/**
 * qemu_trial_start() - start it and wait until its QMP answers.
 * @ret: untouched on failure; else for qemu_trial_stop().
 * @err: why not: the last line that it printed.
 *
 * Waits for 10 s at most. The child dies with the calling thread.
 * Return: 0 or -errno; no process is left on failure.
 */
int qemu_trial_start(const struct qemu_trial_params *params,
		     struct qemu_trial *ret, struct error *err);
void qemu_trial_stop(struct qemu_trial *trial);

#endif
