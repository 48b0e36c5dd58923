/* SPDX-License-Identifier: MIT */
/* The machine's regions as the engine holds them: checked, with a bitmap. */
#ifndef VMFERRY_MIGRATE_MEMORY_H
#define VMFERRY_MIGRATE_MEMORY_H

#include <stdint.h>

#include "migrate/vm_ops.h"
#include "migrate/wire.h"

struct memory {
	unsigned int nr_regions;
	struct migrate_region region[MIGRATE_MAX_REGIONS];
	uint64_t *bitmap[MIGRATE_MAX_REGIONS]; /* one bit a page */
	uint64_t bytes; /* of all regions */
};

/* Asks the machine. 0, -ENOMEM, or -EINVAL for what vm_ops.h forbids. */
int memory_init(struct memory *m, const struct migrate_vm_ops *ops, void *vm);
void memory_exit(struct memory *m);

uint64_t memory_pages(const struct memory *m, unsigned int index);
void memory_set_all(struct memory *m);
void memory_clear_all(struct memory *m);
/* Set bits of all regions. */
uint64_t memory_count(const struct memory *m);
/* Stretches of adjacent set bits in them. */
uint64_t memory_runs(const struct memory *m);

void memory_describe(const struct memory *m, struct wire_hello *ret_hello);
/* -EPROTO with a sentence if @hello is of a machine of another shape. */
int memory_compare(const struct memory *m, const struct wire_hello *hello,
		   struct error *err);

#endif
