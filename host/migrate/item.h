/* SPDX-License-Identifier: MIT */
/* Runs on their way to a batch, in whatever order they came. */
#ifndef VMFERRY_MIGRATE_ITEM_H
#define VMFERRY_MIGRATE_ITEM_H

#include <stdint.h>

#include "migrate/batch.h"
#include "migrate/wire.h"

/* A run to be. */
struct item {
	uint64_t gfn;
	uint32_t count;
	uint32_t bytes, check; /* of a packed one */
	enum wire_kind kind;
	unsigned int region;
	const uint8_t *data; /* NULL: zeros */
};

/* Sorts @item: no page comes twice in a round, so there is one order; see
 * wire.h. */
void items_to_batch(struct item *item, unsigned int nr, struct batch *b);

#endif
