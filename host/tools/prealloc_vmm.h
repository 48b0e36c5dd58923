/* SPDX-License-Identifier: MIT */
/*
 * `vmferry prealloc --compare --vmm`: what preallocation is for. Start-up and
 * migration of whole machines, with it and without.
 */
#ifndef VMFERRY_TOOLS_PREALLOC_VMM_H
#define VMFERRY_TOOLS_PREALLOC_VMM_H

#include "report/result.h"
#include "tools/prealloc_options.h"

#define PREALLOC_MACHINES 16u

/* Times of one migration in ms; NAN: not measured. */
struct prealloc_machine_run {
	double start_ms; /* fork of the source -> its guest is ready */
	double target_start_ms; /* fork of the target -> it waits */
	double total_ms; /* of the migration itself */
	double background_ms; /* async: what it took in all */
	bool warmup;
};

/* One VMM and one way to preallocate. */
struct prealloc_machine {
	const char *vmm; /* "mini", "qemu" */
	const char *way; /* "off", "on", "async" */
	unsigned int nr_threads; /* 0 = none */
	char version[128]; /* as it greeted */
	char skipped[200]; /* why it cannot run here; "" = it can */
	struct prealloc_machine_run *run;
	size_t nr;
};

struct prealloc_machines {
	const struct prealloc_settings *set;
	struct result *result;
	struct prealloc_machine machine[PREALLOC_MACHINES];
	unsigned int nr, which; /* which: the one that runs */
	bool warmup;
};

/**
 * prealloc_vmm_compare() - run all of them in turn, round after round.
 *
 * `machines` goes into @result, a table to where tables go; each migration is
 * verified, and its verdict counts.
 *
 * Return: 0, -EOPNOTSUPP if none can run here, -EINVAL for what a VMM refuses,
 * or -errno with a sentence.
 */
int prealloc_vmm_compare(const struct prealloc_settings *s,
			 struct result *result, struct error *err);

/* prealloc_vmm_report.c: the result's `machines`, and the table. */
void prealloc_vmm_report(const struct prealloc_machines *c);

#endif
