/* SPDX-License-Identifier: MIT */
/*
 * A VMM process that the driver started: its QMP, its guest's console, and its
 * memory seen from outside.
 */
#ifndef VMFERRY_DRIVE_VM_H
#define VMFERRY_DRIVE_VM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "drive/ram.h"

struct abi_control;
struct abi_vcpu;
struct console;
struct qmp_client;

struct drive_vm_params {
	const char *name; /* "source", "target": for logs and sentences */
	const char *dir; /* where its log goes; exists */
	uint64_t ram_bytes;
	unsigned int nr_vcpus;
	const char *backing; /* "anon", "memfd" */
	const char *kernel; /* an ELF file, or NULL for the built-in guest */
	const char *incoming; /* address to wait at, or NULL: boot */
	const char *die_at; /* phase to be killed in (--fault), or NULL */
	bool paused; /* don't run the vCPUs by itself */
};

struct drive_vm {
	char name[16];
	pid_t pid; /* 0 = none or reaped */
	int wait_status; /* of waitpid(), once it is reaped; else -1 */
	uint64_t started_ns; /* just before fork */
	uint64_t cpu_ns; /* its CPU time when it was last asked */
	char log_path[128];
	struct qmp_client *qmp;
	struct console *console;
	struct ram ram; /* filled in by drive_vm_map() */
	uint64_t control_gpa;
	uint64_t control_bytes;
	const struct abi_control *control; /* mapped; NULL until map */
};

/**
 * drive_vm_start() - start a mini VMM.
 * @vm: zeroed storage; on failure nothing is left behind.
 *
 * On return its QMP answers; the guest may not be ready yet.
 * Return: 0; -ENODEV or -EACCES if KVM cannot be used (the caller says skip);
 * else -errno, with the VMM's own sentence.
 */
int drive_vm_start(const struct drive_vm_params *params, struct drive_vm *vm,
		   struct error *err);

/* Learns where its RAM lies and maps its control area. */
int drive_vm_map(struct drive_vm *vm, struct error *err);

/**
 * drive_vm_stop() - end the process, gently then by force, and clean up.
 *
 * Does nothing to a zeroed @vm. No process is left when it returns.
 */
void drive_vm_stop(struct drive_vm *vm);

/* QMP with a limit of 20 s. @ret_value may be NULL. */
int drive_vm_execute(struct drive_vm *vm, const char *command, json_t *args,
		     json_t **ret_value, struct error *err);

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

/* The counters in its mapped control area; NULL if that is not sane yet. */
const struct abi_vcpu *drive_vm_counters(const struct drive_vm *vm,
					 unsigned int *ret_nr_vcpus);

#endif
