/* SPDX-License-Identifier: MIT */
/* The memory map as a child would do it: who owns this byte? */
#ifndef VMFERRY_TESTS_UNIT_VMM_MEMMAP_MODEL_H
#define VMFERRY_TESTS_UNIT_VMM_MEMMAP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_REGIONS 14u
#define MODEL_BELLS 4u
#define MODEL_NONE (~0u)

struct model_bell {
	uint32_t offset, bytes, value;
	bool match;
	int fd;
};

struct model_region {
	bool container, enabled;
	unsigned int parent; /* MODEL_NONE */
	uint32_t offset, bytes;
	int priority;
	uint64_t serial; /* when it was added */
	unsigned int nr_bells;
	struct model_bell bell[MODEL_BELLS];
};

struct model {
	struct model_region region[MODEL_REGIONS]; /* 0 is the root */
	uint64_t serial;
};

/* The region that owns byte @addr of the space, MODEL_NONE = none.
 * @ret_offset: of the byte in it. */
unsigned int model_owner(const struct model *m, uint32_t addr,
			 uint32_t *ret_offset);
/* Where bell @n of region @r rings; false: nowhere. */
bool model_bell_addr(const struct model *m, unsigned int r, unsigned int n,
		     uint32_t *ret_addr);
/* Is region @a @b, or above it? */
bool model_is_above(const struct model *m, unsigned int a, unsigned int b);
/* Levels from the root of @r's tree to @r; and below it. */
unsigned int model_depth(const struct model *m, unsigned int r);
unsigned int model_height(const struct model *m, unsigned int r);

#endif
