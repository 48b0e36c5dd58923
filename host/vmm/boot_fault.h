/* SPDX-License-Identifier: MIT */
/*
 * Boot data that is wrong on purpose: what firmware somewhere may hand over,
 * for a guest that must carry on or say what is the matter.
 */
#ifndef VMFERRY_VMM_BOOT_FAULT_H
#define VMFERRY_VMM_BOOT_FAULT_H

#include <stdint.h>

#include "base/error.h"
#include "vmm/guestmem.h"

struct boot_fault_job;

struct boot_fault {
	const char *name; /* "e820-overlap"; NULL ends the table */
	const char *text; /* what is wrong */
	void (*apply)(struct boot_fault_job *job);
};

extern const struct boot_fault boot_faults[];

/* Return: NULL if there is none of that name. */
const struct boot_fault *boot_fault_find(const char *name);

/**
 * boot_fault_apply() - spoil what the loader has written.
 * @mem: a guest that loader_load_pvh() has loaded; RAM of 16 MiB at least.
 * @words: goes to the command line; "" is fine.
 *
 * The guest gets no control area: it has to believe what a fault concerns.
 * Everything that is written lies below 1 MiB.
 *
 * Return: 0; -EINVAL without such RAM, or for more words than there is room.
 */
int boot_fault_apply(const struct boot_fault *fault, const struct guestmem *mem,
		     const char *words, struct error *err);

#endif
