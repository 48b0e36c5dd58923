/* SPDX-License-Identifier: MIT */
/* What cycles.c needs of the machine before the probes can run. */
#ifndef VMFERRY_DRIVE_CYCLES_INTERNAL_H
#define VMFERRY_DRIVE_CYCLES_INTERNAL_H

#include "drive/console.h"
#include "drive/cycles.h"

/* Ask the guest for its probes and keep those that are wanted. */
int cycles_list(const struct cycles_settings *settings, struct drive_vm *vm,
		struct cycles_boot *boot, struct error *err);

/* Bind the vCPUs' threads: vCPU i to @cpu[i % @nr]. */
int cycles_pin(const struct drive_vm *vm, const unsigned int *cpu,
	       unsigned int nr, unsigned int *ret_pinned, struct error *err);

/**
 * cycles_take() - one turn of a probe: ask, and take what came back.
 * @command: the console's, with the rounds.
 * @ret_done: it will not give figures here.
 * @ret_line: the answer; may be NULL.
 *
 * Return: as console_command().
 */
int cycles_take(const struct cycles_settings *settings, struct drive_vm *vm,
		const char *command, struct cycles_probe *probe, bool *ret_done,
		struct console_line *ret_line, struct error *err);

/* "... skip=WHY": its text, to the end of the line; NULL = none. */
const char *cycles_skip(const struct console_line *line);

/* The probes in a guest of the guest, all variants that are wanted. */
int cycles_nested_run(const struct cycles_settings *settings,
		      struct drive_vm *vm, struct cycles_nested *out,
		      struct error *err);

#endif
