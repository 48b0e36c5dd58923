/* SPDX-License-Identifier: MIT */
/*
 * The mini VMM: one process, one machine, driven by QMP.
 *
 * The only layer that sees both the machine (vmm) and the engine (migrate).
 */
#ifndef VMFERRY_MACHINE_MACHINE_H
#define VMFERRY_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "prealloc/prealloc.h"
#include "vmm/guestmem.h"
#include "vmm/queue_devices.h"
#include "vmm/vm.h"

#define MACHINE_MAX_VFIO_USER 4u

/* UNIX sockets where vfio-user devices are served. */
struct vfio_user_list {
	unsigned int nr;
	const char *path[MACHINE_MAX_VFIO_USER];
};

struct machine_params {
	uint64_t ram_bytes;
	unsigned int nr_vcpus;
	enum backing_kind backing;
	uint64_t page_bytes; /* 0 = the backing's own */
	const char *backing_path; /* of BACKING_FILE */
	bool prealloc; /* all of RAM is there before the guest runs */
	struct prealloc_config prealloc_how;
	/* Only begin to, where a guest is to come in: while it arrives. */
	bool prealloc_async;
	/* Huge pages are not reserved when they are mapped: a pool that is too
	 * small shows when they are touched. */
	bool unreserved;
	bool handover; /* incoming: RAM comes by descriptor */
	enum vm_commit commit; /* while devices' states are loaded */
	struct queues_list devices; /* net and blk, in this order */
	struct vfio_user_list vfio_user; /* RAM must be a memfd, then */
	struct hyperv_choice hyperv;
	enum vm_nested nested; /* may the guest be a hypervisor? */
	bool dirty_ring; /* log writes in rings, not KVM's bitmap */
	uint64_t base_gpa; /* where the image goes; 0 = as linked */
	const char *kernel; /* a PVH ELF file; NULL = the built-in guest */
	const char *append; /* key=value words for the guest; may be NULL */
	const char *qmp; /* unix:PATH, tcp:HOST:PORT or fd:N; NULL = none */
	const char *serial; /* stdio, none, unix:PATH or fd:N; NULL = none */
	/* Somebody's console: what they write waits until the built-in guest
	 * is ready, and its end powers the guest off. */
	bool console;
	const char *incoming; /* an address to wait at, "defer", or NULL */
	/* A name of vmm/boot_fault.h: boot data that is wrong; or NULL. */
	const char *boot_fault;
	const char *die_at; /* "PHASE" or "round:N": fault injection */
	bool paused; /* wait for `cont` */
	const char *version; /* vmferry's */
};

/**
 * machine_run() - make the machine and serve it until it ends.
 *
 * Blocks SIGINT and SIGTERM and takes them as `quit`.
 *
 * Return: 0 after `quit`, a signal, or the guest's power off; -EINVAL for
 * parameters; -ENODEV, -EACCES or -EOPNOTSUPP if this host cannot run it;
 * -EIO if the machine failed; or -errno. Each with a sentence.
 */
int machine_run(const struct machine_params *params, struct error *err);

/* The built-in guest image. */
const void *machine_guest_image(uint64_t *ret_bytes);
/* The same guest as a hybrid ISO, and as BOOTX64.EFI. */
const void *machine_guest_iso(uint64_t *ret_bytes);
const void *machine_guest_efi(uint64_t *ret_bytes);

#endif
