/* SPDX-License-Identifier: MIT */
/* Kinds of damage, each made of one page's right bytes. */
#include "drive/sabotage_damage.h"

#include <errno.h>
#include <string.h>

/* Chance decides split, bit, visit and source: so often it may try again. */
#define MAX_TRIES 64u

/* Uniform enough in 0..@below - 1. */
static uint64_t draw(struct damage *d, uint64_t below)
{
	d->random = oracle_mix(d->random + 0x9e3779b97f4a7c15ull);
	return d->random % below;
}

static int make_flip(struct damage *d)
{
	uint64_t bit = draw(d, ABI_PAGE_BYTES * 8);

	memcpy(d->wrong, d->page, ABI_PAGE_BYTES);
	d->wrong[bit / 8] ^= (uint8_t)(1u << bit % 8);
	return 1;
}

static int make_zero(struct damage *d)
{
	memset(d->wrong, 0, ABI_PAGE_BYTES);
	return 1;
}

/* Copies what another page holds now. An all-zero one would count as zeroed:
 * known from the oracle, without reading it. */
static int make_misplace(struct damage *d)
{
	const struct oracle *o = d->expect->o;
	uint64_t from = draw(d, o->nr_pages);
	int r;

	if (from == d->index || expect_in_flight(d->expect, from, NULL))
		return 0;
	if (oracle_visit_blank(o, oracle_gfn(o, from),
			       expect_visit(d->expect, from)))
		return 0;
	r = ram_read(d->ram, oracle_gfn(o, from) << ABI_PAGE_SHIFT, d->wrong,
		     ABI_PAGE_BYTES);
	return r ? r : 1;
}

/* The head of the last write, the tail of what was there before, split
 * between the first and the last byte that the write changed. */
static int make_tear(struct damage *d)
{
	size_t first, last = ABI_PAGE_BYTES, split;

	if (!d->visit)
		return 0;
	oracle_page(d->expect->o, d->gfn, expect_before(d->expect, d->index),
		    d->wrong);
	first = 0;
	while (first < last && d->wrong[first] == d->page[first])
		first++;
	while (last > first && d->wrong[last - 1] == d->page[last - 1])
		last--;
	if (last - first < 2)
		return 0;
	split = first + 1 + draw(d, last - first - 1);
	memcpy(d->wrong, d->page, split);
	return 1;
}

/* The visit before most often, now and then any, or the fill. A blank one shows
 * as zeroed, not as stale: then damage_make() draws again. */
static int make_stale(struct damage *d)
{
	uint64_t visit, kind = draw(d, 4);

	if (!d->visit)
		return 0;
	if (kind == 0)
		visit = draw(d, d->visit);
	else if (kind == 1)
		visit = 0;
	else
		visit = d->visit - 1 - draw(d, oracle_min(d->visit, kind));
	oracle_page(d->expect->o, d->gfn, visit, d->wrong);
	return 1;
}

static int (*const make[SABOTAGE_NR_KINDS])(struct damage *d) = {
	[SABOTAGE_FLIP] = make_flip,	     [SABOTAGE_ZERO] = make_zero,
	[SABOTAGE_MISPLACE] = make_misplace, [SABOTAGE_TEAR] = make_tear,
	[SABOTAGE_STALE] = make_stale,
};

int damage_make(struct damage *d, enum sabotage_kind kind)
{
	struct oracle_finding f;
	unsigned int try;
	int r;

	for (try = 0; try < MAX_TRIES; try++) {
		r = make[kind](d);
		if (r < 0)
			return r;
		if (!r)
			continue;
		oracle_classify(d->expect->o, d->gfn, d->visit, d->wrong,
				d->scratch, &f);
		if (f.kind == sabotage_class(kind))
			return 1;
		if (kind == SABOTAGE_ZERO)
			return 0; /* no chance in it */
	}
	return 0;
}
