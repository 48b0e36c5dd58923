/* SPDX-License-Identifier: MIT */
/* A guest that boots, works for a while, and is watched: no migration. */
#ifndef VMFERRY_DRIVE_BOOT_H
#define VMFERRY_DRIVE_BOOT_H

#include "drive/run.h"

struct boot_settings {
	struct drive_vm_params vm;
	/* With vm.incoming a snapshot is loaded: its workload goes on, and is
	 * verified at the end. -EINVAL if the file cannot be loaded. */
	const struct workload *workload; /* NULL: the guest stays idle */
	const char *command; /* one console line, after the workload; NULL */
	uint64_t duration_ns; /* of the watching */
	/* Not NULL: in the end, check all RAM; this is the ELF that runs. */
	const void *verify_image;
	size_t image_bytes;
	void (*child)(void *ctx, unsigned int slot, pid_t pid);
};

/* NAN: not measured. */
struct boot_sample {
	char vmm_version[128]; /* as it greeted */
	double ready_ms; /* fork -> `event ready`, or -> loaded */
	double fill_ms;
	double watched_s;
	double rate_bytes_per_s; /* by the control area's counters */
	uint64_t steps;
	double cpu_pct; /* of one core, the VMM process, while watched */
	uint64_t nr_bad; /* found inline, and by the host */
	uint64_t checked_bytes; /* by the host */
	double coverage_pct; /* of RAM less what nobody can know */
	char reply[512]; /* of the command */
	/* Time between steps, all vCPUs. */
	double gap_p50_us, gap_p99_us, gap_max_us;
};

/**
 * boot_run() - boot, watch, end.
 *
 * Return: as run_hops().
 */
int boot_run(const struct boot_settings *settings,
	     struct boot_sample *ret_sample, struct error *err);

#endif
