/* SPDX-License-Identifier: MIT */
/* The account of RAM. */
#include "lib/rammap.h"

static uint64_t range_end(const struct abi_ram_range *r)
{
	return r->gpa + r->bytes;
}

/* Room for one more entry at @at. */
static bool open_gap(struct rammap *map, uint32_t at)
{
	uint32_t i;

	if (map->nr == ABI_MAX_RAM_RANGES) {
		map->full = true;
		return false;
	}
	for (i = map->nr; i > at; i--)
		map->range[i] = map->range[i - 1];
	map->nr++;
	return true;
}

void rammap_add(struct rammap *map, uint64_t start, uint64_t end, uint32_t kind)
{
	uint32_t at = 0;

	if (start >= end)
		return;
	while (at < map->nr && map->range[at].gpa < start)
		at++;
	if (!open_gap(map, at))
		return;
	map->range[at] = (struct abi_ram_range){
		.gpa = start,
		.bytes = end - start,
		.kind = kind,
	};
}

/* Cut the range that holds @gpa in its middle in two. */
static void split(struct rammap *map, uint64_t gpa)
{
	uint32_t i;

	for (i = 0; i < map->nr; i++) {
		struct abi_ram_range *r = &map->range[i];

		if (gpa <= r->gpa || gpa >= range_end(r))
			continue;
		if (!open_gap(map, i + 1))
			return;
		r[1] = r[0];
		r[1].gpa = gpa;
		r[1].bytes = range_end(r) - gpa;
		r->bytes = gpa - r->gpa;
		return;
	}
}

/* Join neighbours of one kind. */
static void merge(struct rammap *map)
{
	uint32_t i, kept = 0;

	for (i = 1; i < map->nr; i++) {
		struct abi_ram_range *r = &map->range[kept];

		if (map->range[i].kind == r->kind &&
		    map->range[i].gpa == range_end(r))
			r->bytes += map->range[i].bytes;
		else
			map->range[++kept] = map->range[i];
	}
	if (map->nr)
		map->nr = kept + 1;
}

void rammap_mark(struct rammap *map, uint64_t start, uint64_t end,
		 uint32_t kind)
{
	uint32_t i;

	start &= ~(uint64_t)(ABI_PAGE_BYTES - 1);
	end = ABI_ALIGN_PAGE(end);
	if (start >= end)
		return;
	split(map, start);
	split(map, end);
	for (i = 0; i < map->nr; i++)
		if (map->range[i].gpa >= start &&
		    range_end(&map->range[i]) <= end)
			map->range[i].kind = kind;
	merge(map);
}

uint64_t rammap_take(struct rammap *map, uint64_t bytes, uint64_t align,
		     uint64_t above, uint32_t kind)
{
	uint32_t i;

	for (i = 0; i < map->nr; i++) {
		const struct abi_ram_range *r = &map->range[i];
		uint64_t start = r->gpa > above ? r->gpa : above;

		start = (start + align - 1) & ~(align - 1);
		if (r->kind != ABI_RAM_FREE || start >= range_end(r) ||
		    range_end(r) - start < bytes)
			continue;
		rammap_mark(map, start, start + bytes, kind);
		return start;
	}
	return 0;
}

uint64_t rammap_bytes(const struct rammap *map)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < map->nr; i++)
		sum += map->range[i].bytes;
	return sum;
}

uint32_t rammap_largest(const struct rammap *map, struct oracle_range *ranges,
			uint32_t max)
{
	uint32_t i, j, nr = 0;

	for (i = 0; i < map->nr; i++) {
		struct oracle_range r = {
			map->range[i].gpa >> ABI_PAGE_SHIFT,
			map->range[i].bytes >> ABI_PAGE_SHIFT,
		};

		if (map->range[i].kind != ABI_RAM_FREE)
			continue;
		for (j = nr; j && ranges[j - 1].nr_pages < r.nr_pages; j--)
			if (j < max)
				ranges[j] = ranges[j - 1];
		if (j < max) {
			ranges[j] = r;
			nr += nr < max;
		}
	}
	return nr;
}
