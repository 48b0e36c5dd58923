/* SPDX-License-Identifier: MIT */
/*
 * Exit probes: a guest is booted, and each of its probes run until its median
 * is known well enough.
 *
 * Probes take turns, so that a disturbance of the host falls on all of them.
 * One that takes the guest with it, or never answers, is given up: the guest
 * is booted again for the others.
 */
#ifndef VMFERRY_DRIVE_CYCLES_H
#define VMFERRY_DRIVE_CYCLES_H

#include "drive/cycles_stats.h"
#include "drive/vm.h"

#define CYCLES_MAX_PROBES 96u
#define CYCLES_NAME_BYTES 32u
#define CYCLES_MAX_PINS 64u
#define CYCLES_MAX_ROUNDS 20000u

#define CYCLES_MAX_VARIANTS 24u
#define CYCLES_MAX_INNER 12u

struct cycles_settings {
	struct drive_vm_params vm;
	/* Names, or their beginnings with '*'; none = all. */
	const char *const *only;
	unsigned int nr_only;
	uint64_t rounds; /* of a probe at most, 1..CYCLES_MAX_ROUNDS */
	double spread_pct; /* is good enough */
	uint64_t limit_ns; /* of a probe, without the boot */
	uint64_t watchdog_ns; /* of one answer */
	/* Host CPUs: vCPU i runs on pin[i % nr_pins] only; 0 = anywhere. */
	unsigned int pin[CYCLES_MAX_PINS], nr_pins;
	/* Also in a guest of the guest, with these variants of nested
	 * virtualization; none = all. */
	bool nested;
	const char *const *variant;
	unsigned int nr_variants;
	/* May be NULL: before each probe's turn. */
	void (*progress)(void *ctx, const char *probe, unsigned int ring);
	void *progress_ctx;
	bool (*pending)(void); /* is it to end early? */
};

struct cycles_probe {
	char name[CYCLES_NAME_BYTES];
	unsigned int ring;
	char skipped[160]; /* why there are no figures; "" = there are */
	bool broke; /* the guest did not survive it, or did not answer */
	uint64_t spent_ns;
	uint32_t empty_ticks; /* taken off; the least of the turns */
	/* That count, and that do not: the host was disturbed. */
	unsigned int nr_turns, nr_disturbed;
	uint32_t *ticks; /* sorted, the empty loop taken off */
	size_t nr_ticks;
	struct cycles_stats stats;
};

enum cycles_proof { CYCLES_NOT_TRIED, CYCLES_PROVED, CYCLES_DISPROVED };

/* One way to run a guest of the guest. */
struct cycles_variant {
	char name[CYCLES_NAME_BYTES];
	char skipped[160]; /* why it cannot be had here; "" = it can */
	enum cycles_proof proof; /* that it has its effect */
	char why[160]; /* of CYCLES_DISPROVED */
	/* KVM's own count of a vCPU's exits for each exit of L2 to L1, by
	 * cpuid; NAN = not known. */
	double l0_exits;
	unsigned int nr;
	struct cycles_probe probe[CYCLES_MAX_INNER];
	double l1_exits[CYCLES_MAX_INNER]; /* for each round */
};

struct cycles_nested {
	char backend[16]; /* "vmx", "svm"; "" = none */
	char missing[160]; /* why there is none */
	unsigned int nr;
	struct cycles_variant variant[CYCLES_MAX_VARIANTS];
};

struct cycles_boot {
	char vmm_version[128];
	double ready_ms; /* of the first boot */
	uint64_t tsc_hz; /* as the guest found out */
	unsigned int nr_boots;
	unsigned int nr_pinned; /* vCPU threads that are bound */
	unsigned int nr;
	struct cycles_probe probe[CYCLES_MAX_PROBES];
	struct cycles_nested nested;
};

/**
 * cycles_run() - boot, run all the probes that are wanted, end.
 * @boot: zeroed storage; cycles_boot_exit() it in any case.
 *
 * Return: 0, whatever became of single probes; -EINVAL if there is none of
 * that name; as drive_vm_start(); else -errno, with a sentence.
 */
int cycles_run(const struct cycles_settings *settings, struct cycles_boot *boot,
	       struct error *err);
void cycles_boot_exit(struct cycles_boot *boot);

#endif
