/* SPDX-License-Identifier: MIT */
#include "migrate/item.h"

#include <stdlib.h>

static int by_gfn(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->gfn < y->gfn ? -1 : x->gfn > y->gfn;
}

static void put_item(struct batch *b, const struct item *item)
{
	uint32_t i;

	if (item->kind > WIRE_RAW) {
		batch_add_packed(b, item->region, item->gfn, item->count,
				 item->kind, item->data, item->bytes,
				 item->check);
		return;
	}
	for (i = 0; i < item->count; i++)
		batch_add(b, item->region, item->gfn + i, item->kind,
			  item->data ? (uint8_t *)item->data +
					       i * (size_t)WIRE_PAGE_BYTES
				     : NULL);
}

void items_to_batch(struct item *item, unsigned int nr, struct batch *b)
{
	unsigned int i;

	qsort(item, nr, sizeof(*item), by_gfn);
	for (i = 0; i < nr; i++)
		put_item(b, &item[i]);
}
