/* SPDX-License-Identifier: MIT */
/*
 * What a host can do for vmferry, and what to change: `vmferry doctor`.
 *
 * Each function adds rows (base/checks.h) of a group. They look and try, and
 * change nothing on the host.
 */
#ifndef VMFERRY_DRIVE_DOCTOR_H
#define VMFERRY_DRIVE_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/checks.h"

/* "host.*", "clock.*": CPUs and what holds them back, TSC. */
void doctor_host(struct checks *checks);
void doctor_clock(struct checks *checks);

/* "memory.*": size, NUMA, huge pages, what moves or merges pages. */
void doctor_memory(struct checks *checks);

/* The cost of memory that nobody has touched yet, measured. */
struct doctor_touch {
	uint64_t bytes; /* 0 = not measured */
	double first_bytes_per_s; /* the first mapping of this process */
	double again_bytes_per_s; /* the best of two further mappings */
	double mapped_bytes_per_s; /* memory that stays mapped */
};

/**
 * doctor_touch() - clear 256 MiB of 4 KiB pages, and add the row.
 *
 * The first mapping may get pages that the machine itself has never backed
 * (cold); the further ones get the same pages back (warm).
 */
void doctor_touch(struct checks *checks, struct doctor_touch *ret_touch);

/* "limits.*", "kernel.*": rlimits, ptrace, userfaultfd, seccomp, sysctls. */
void doctor_limits(struct checks *checks);
void doctor_kernel(struct checks *checks);

/* "firmware.*": images of OVMF, SeaBIOS, qboot. */
void doctor_firmware(struct checks *checks);

#define DOCTOR_MAX_QEMUS 4u

/**
 * doctor_qemu() - find QEMUs, start each for a moment, add rows "qemu.*",
 * of the second one "qemu2.*", and so on.
 * @binary: one more, looked at first: a path or a name in @path; or NULL.
 * @path: the PATH, or NULL.
 * @ret_list: a new array of {path, version, accelerators {kvm, tcg},
 *            machines {NAME: {kvm, tcg}}, migrate_capabilities[]}.
 * @ret_usable: does any of them start with any accelerator?
 *
 * Return: 0 or -ENOMEM.
 */
int doctor_qemu(const char *binary, const char *path, struct checks *checks,
		json_t **ret_list, bool *ret_usable);

#endif
