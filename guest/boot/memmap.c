/* SPDX-License-Identifier: MIT */
/* RAM entries joined, everything else cut out of them. */
#include "boot/memmap.h"

struct list {
	struct boot_range *range;
	uint32_t nr;
	uint32_t max;
	bool cut;
};

static void list_remove(struct list *l, uint32_t at)
{
	for (l->nr--; at < l->nr; at++)
		l->range[at] = l->range[at + 1];
}

/* A full list loses its smallest range, which may be the new one. */
static void list_insert(struct list *l, uint64_t start, uint64_t end)
{
	uint32_t i, at = 0, least = 0;

	if (l->nr == l->max) {
		l->cut = true;
		for (i = 1; i < l->nr; i++)
			if (l->range[i].end - l->range[i].start <
			    l->range[least].end - l->range[least].start)
				least = i;
		if (end - start <= l->range[least].end - l->range[least].start)
			return;
		list_remove(l, least);
	}
	while (at < l->nr && l->range[at].start < start)
		at++;
	for (i = l->nr++; i > at; i--)
		l->range[i] = l->range[i - 1];
	l->range[at] = (struct boot_range){ start, end };
}

/* Ranges that touch become one. */
static void list_add(struct list *l, uint64_t start, uint64_t end)
{
	uint32_t i = 0;

	while (i < l->nr) {
		const struct boot_range *r = &l->range[i];

		if (r->start > end || r->end < start) {
			i++;
			continue;
		}
		if (r->start < start)
			start = r->start;
		if (r->end > end)
			end = r->end;
		list_remove(l, i);
	}
	list_insert(l, start, end);
}

static void list_subtract(struct list *l, uint64_t start, uint64_t end)
{
	uint32_t i = 0;

	while (i < l->nr) {
		struct boot_range r = l->range[i];

		if (r.start >= end || r.end <= start) {
			i++;
			continue;
		}
		list_remove(l, i);
		if (r.start < start)
			list_insert(l, r.start, start);
		if (r.end > end)
			list_insert(l, end, r.end);
		i = 0;
	}
}

/* Return: false if the entry is empty. */
static bool entry_range(const struct memmap_entry *e, uint64_t *start,
			uint64_t *end)
{
	*start = e->addr;
	*end = e->size > UINT64_MAX - e->addr ? UINT64_MAX : e->addr + e->size;
	return *start < *end;
}

uint32_t memmap_usable(const struct memmap_entry *e, uint32_t nr,
		       struct boot_range *ranges, uint32_t max, bool *ret_cut)
{
	struct list l = { .range = ranges, .max = max };
	uint64_t start, end;
	uint32_t i;

	if (nr > MEMMAP_MAX_ENTRIES) {
		nr = MEMMAP_MAX_ENTRIES;
		l.cut = true;
	}
	for (i = 0; i < nr; i++)
		if (e[i].type == E820_RAM && entry_range(&e[i], &start, &end))
			list_add(&l, start, end);
	for (i = 0; i < nr; i++)
		if (e[i].type != E820_RAM && entry_range(&e[i], &start, &end))
			list_subtract(&l, start, end);
	*ret_cut = l.cut;
	return l.nr;
}
