/* SPDX-License-Identifier: MIT */
/* What this host's KVM can do, for `vmferry doctor`. */
#ifndef VMFERRY_VMM_PROBE_H
#define VMFERRY_VMM_PROBE_H

#include <stdbool.h>

#include "base/checks.h"

/**
 * probe_kvm() - add the rows "kvm.*".
 * @path: NULL = /dev/kvm.
 *
 * Makes a machine of 16 MiB with one vCPU for a moment; the vCPU never runs.
 *
 * Context: the process has no machine of its own yet.
 * Return: true if the mini VMM can run here.
 */
bool probe_kvm(const char *path, struct checks *checks);

/**
 * probe_kvm_caps() - the rows for what the mini VMM can do without.
 * @fd: of /dev/kvm or, better, of a machine.
 * @vcpu_fd: of one of its vCPUs, or -1.
 */
void probe_kvm_caps(int fd, int vcpu_fd, struct checks *checks);

/* The row that says whose KVM it is; only where one works. */
void probe_kvm_provider(struct checks *checks);

#endif
