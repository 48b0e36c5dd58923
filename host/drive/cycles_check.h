/* SPDX-License-Identifier: MIT */
/* Does Hyper-V's interface keep what its specification promises? */
#ifndef VMFERRY_DRIVE_CYCLES_CHECK_H
#define VMFERRY_DRIVE_CYCLES_CHECK_H

#include "drive/cycles.h"
#include "drive/hv_steps.h"

enum cycles_result { CYCLES_SKIP, CYCLES_PASS, CYCLES_FAIL };

struct cycles_check {
	enum hv_check check;
	enum cycles_result result;
	char skipped[160]; /* why, of CYCLES_SKIP */
	unsigned int step; /* of CYCLES_FAIL; 0 = it never answered */
	char why[200];
	uint64_t saw, wanted;
	uint64_t tries; /* of checks that try many times */
};

struct cycles_checks {
	char vmm_version[128];
	unsigned int nr_phases; /* 1; 2 with a migration in between */
	struct cycles_check phase[2][HV_NR_CHECKS];
	double migration_ms; /* NAN = none */
};

/**
 * cycles_check_run() - boot a guest and have it check what it is offered.
 * @migrate: then move it to another machine, with the interface in use, and
 *	check again. Clocks must go on from what was seen before.
 * @only: of @settings: of checks here.
 *
 * A guest that dies in a check fails it; those after it are skipped.
 *
 * Return: 0, whatever the checks found; -EINVAL if there is none of that
 * name; as drive_vm_start(); else -errno, with a sentence.
 */
int cycles_check_run(const struct cycles_settings *settings, bool migrate,
		     struct cycles_checks *checks, struct error *err);

#endif
