/* SPDX-License-Identifier: MIT */
/*
 * A VMM process, mini VMM or QEMU, that the driver started or found: its QMP,
 * its guest's console, and its memory seen from outside.
 */
#ifndef VMFERRY_DRIVE_VM_H
#define VMFERRY_DRIVE_VM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/backing.h"
#include "base/error.h"
#include "base/hyperv.h"
#include "drive/counters.h"
#include "drive/ram.h"
#include "drive/vm_vfio.h"

struct abi_control;
struct console;
struct drive_kind_ops;
struct qmp_client;

enum drive_kind { DRIVE_MINI, DRIVE_QEMU };

enum qemu_firmware { QEMU_PVH, QEMU_BIOS, QEMU_UEFI };
enum qemu_media { QEMU_KERNEL, QEMU_ISO, QEMU_USB, QEMU_EFI };

/* What only QEMU knows. */
struct drive_qemu {
	const char *binary; /* "qemu-system-x86_64", or a path */
	const char *machine; /* "microvm", "q35", "pc", or any other */
	const char *version; /* of the machine: "7.2"; NULL = its newest */
	const char *accel; /* "kvm", "tcg" */
	const char *cpu; /* a model; NULL = what works best */
	bool icount; /* tcg: the TSC counts instructions, runs repeat */
	enum qemu_firmware firmware;
	enum qemu_media media; /* what drive_vm_params.kernel is */
};

/* What guest memory is made of, and how KVM logs writes to it. */
struct drive_memory {
	enum backing_kind kind;
	const char *path; /* of BACKING_FILE */
	uint64_t page_bytes;
	const char *prealloc; /* "on", or a method (mini); NULL = off */
	unsigned int prealloc_threads; /* 0 = as many as the VMM likes */
	bool unreserved; /* huge pages are not promised (mini) */
	bool ring; /* dirty ring instead of the bitmap */
	bool handover; /* a target: it comes from the source */
};

struct drive_vm_params {
	enum drive_kind kind;
	struct drive_qemu qemu;
	const char *name; /* "source", "target": for logs and sentences */
	const char *dir; /* where its log goes; exists */
	uint64_t ram_bytes;
	unsigned int nr_vcpus;
	struct drive_memory memory;
	/* An ELF file, or what else QEMU boots from; mini: NULL = the
	 * built-in guest. */
	const char *kernel;
	const char *incoming; /* address to wait at, or NULL: boot */
	const char *devices; /* mini: --devices of vmferry vmm; NULL = none */
	const char *commit; /* mini: --commit of vmferry vmm; NULL = default */
	struct drive_vfio_params vfio; /* mini */
	const char *die_at; /* phase to be killed in (--fault), or NULL */
	bool paused; /* don't run the vCPUs by itself */
	/* Hyper-V's interface; QEMU: only the wishes, as flags of -cpu. */
	struct hyperv_choice hyperv;
	bool nested; /* mini: the guest can virtualize, or it does not start */
	/* Told of the process as soon as there is one, and with 0 when it is
	 * gone before drive_vm_start() has returned; may be NULL. */
	void (*child)(void *ctx, unsigned int slot, pid_t pid);
	void *child_ctx;
	unsigned int child_slot;
};

struct drive_vm {
	const struct drive_kind_ops *kind;
	char name[16];
	/* Somebody else's: never ended, never reaped. */
	bool attached;
	/* Its memory cannot be seen from here, and why. */
	bool blind;
	char blind_why[200];
	pid_t pid; /* 0 = none, reaped, or not known to be the VMM */
	int wait_status; /* of waitpid(), once it is reaped; else -1 */
	uint64_t started_ns; /* just before fork */
	uint64_t cpu_ns; /* its CPU time when it was last asked */
	char log_path[128];
	struct drive_vfio vfio;
	struct qmp_client *qmp;
	struct console *console;
	struct ram ram; /* filled in by drive_vm_map() */
	uint64_t control_gpa;
	uint64_t control_bytes;
	const struct abi_control *control; /* the same pages; NULL = none */
};

/**
 * drive_vm_start() - start a VMM.
 * @vm: zeroed storage; on failure nothing is left behind.
 *
 * On return its QMP answers; the guest may not be ready yet.
 * Return: 0; -ENODEV or -EACCES if KVM cannot be used (the caller says skip);
 * else -errno, with the VMM's own sentence.
 */
int drive_vm_start(const struct drive_vm_params *params, struct drive_vm *vm,
		   struct error *err);

/**
 * drive_vm_map() - learn where its RAM and its control area lie.
 * @like: NULL if @vm's own guest is ready; else a mapped machine of the same
 *	shape: for a target, whose guest has not come yet.
 */
int drive_vm_map(struct drive_vm *vm, const struct drive_vm *like,
		 struct error *err);

/**
 * drive_vm_stop() - end the process, gently then by force, and clean up.
 *
 * Does nothing to a zeroed @vm. No process is left when it returns, but for an
 * attached one, which is only let go.
 */
void drive_vm_stop(struct drive_vm *vm);

/* Is it no more? */
bool drive_vm_is_gone(struct drive_vm *vm);

/* QMP with a limit of 20 s. @ret_value may be NULL. */
int drive_vm_execute(struct drive_vm *vm, const char *command, json_t *args,
		     json_t **ret_value, struct error *err);

/* Do the guest's AVX registers travel with it? */
bool drive_vm_carries_avx(struct drive_vm *vm);

/* query-status: its text into @status (32 bytes). */
int drive_vm_status(struct drive_vm *vm, char *status, struct error *err);

/* User and system time of the process so far; once it is gone, when it was
 * last asked. */
uint64_t drive_vm_cpu_ns(struct drive_vm *vm);

/**
 * drive_vm_sleep() - let it run until @deadline_ns (CLOCK_MONOTONIC).
 *
 * Return: 0 when the time has come; -ENODATA (or as drive_vm_start()) as soon
 * as the VMM is gone or says that it ends.
 */
int drive_vm_sleep(struct drive_vm *vm, uint64_t deadline_ns,
		   struct error *err);

/**
 * drive_vm_counters() - where its guest counts.
 * @like: as in drive_vm_map(): the machine whose control area can be read.
 * @ret_counters: valid as long as @vm; untouched on failure. Of a blind @vm
 *	all zero: counters_read() says so then.
 * @ret_tsc_hz: the guest's; may be NULL.
 *
 * Return: 0, or what guest_view_read() said.
 */
int drive_vm_counters(const struct drive_vm *vm, const struct drive_vm *like,
		      struct counters *ret_counters, uint64_t *ret_tsc_hz,
		      struct error *err);

#endif
