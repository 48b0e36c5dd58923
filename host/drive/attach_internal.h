/* SPDX-License-Identifier: MIT */
/* What the files of an attached run share. */
#ifndef VMFERRY_DRIVE_ATTACH_INTERNAL_H
#define VMFERRY_DRIVE_ATTACH_INTERNAL_H

#include "drive/run_internal.h"

/* attach_vm.c: one machine that runs already. */

/**
 * attach_open() - connect to its QMP and find out what it is.
 * @vm: zeroed storage; drive_vm_stop() lets it go, also after a failure.
 * @option: "--source-qmp": for sentences.
 */
int attach_open(struct drive_vm *vm, const char *name, const char *option,
		const char *qmp, struct error *err);
/* Its guest's console, if there is one (@where not NULL). */
int attach_console(struct drive_vm *vm, const char *dir, const char *option,
		   const char *where, struct error *err);
/* Is its state @want? -ENODEV with what to do about it. */
int attach_expect_status(struct drive_vm *vm, const char *want,
			 const char *advice, struct error *err);
/* Size of its RAM; 0 = it does not say. */
uint64_t attach_ram_bytes(struct drive_vm *vm);
unsigned int attach_nr_vcpus(struct drive_vm *vm);
const char *attach_accel(struct drive_vm *vm);

/* attach_see.c */

/**
 * attach_see() - map its memory, if the process behind its QMP is the machine
 * and can be read; else it is blind, with the reason.
 * @like: as in drive_vm_map().
 */
void attach_see(struct drive_vm *vm, const struct drive_vm *like);
/* Are the read-only pages of @vm's guest those of this image? */
bool attach_image_fits(struct drive_vm *vm, const void *elf, size_t bytes);

/* attach_guest.c: the guest's own word, by its console. */
struct attach_stats {
	uint64_t steps, bad, rate_bytes_per_s, check;
	char state[16];
};
int attach_stats(struct drive_vm *vm, struct attach_stats *ret,
		 struct error *err);
/* Its workload runs, ours or the one that did; it is known, and unharmed. */
int attach_ready_guest(struct run *r, struct run_settings *set,
		       struct error *err);

/* attach_restore.c: capabilities and parameters as they were. */
struct attach_saved {
	json_t *capabilities, *parameters; /* arguments to put them back */
};
int attach_save(struct drive_vm *vm, json_t *capabilities, json_t *parameters,
		struct attach_saved *ret, struct error *err);
/* Frees what was saved. 0, or why it could not be put back. */
int attach_restore(struct drive_vm *vm, struct attach_saved *saved,
		   struct error *err);

/* attach_clock.c: what this machine's clock reads more than ours. */
void attach_clock(struct drive_vm *vm, struct clock_offset *offset);

#endif
