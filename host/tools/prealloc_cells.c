/* SPDX-License-Identifier: MIT */
/* Which cells a comparison has, and what they have collected. */
#include "tools/prealloc_cells.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hugepages.h"
#include "base/procfile.h"
#include "base/units.h"
#include "report/stats.h"

#define MIB2 (2ull << 20)
#define GIB1 (1ull << 30)

static const struct {
	enum backing_kind backing;
	uint64_t page_bytes;
} all_kinds[] = {
	{ BACKING_ANON, 4096 },	   { BACKING_THP, MIB2 },
	{ BACKING_HUGETLB, MIB2 }, { BACKING_HUGETLB, GIB1 },
	{ BACKING_MEMFD, 4096 },   { BACKING_MEMFD, MIB2 },
};

/* Why there are no such pages here, in @text; or NULL. */
static const char *lacks(const struct prealloc_settings *s,
			 enum backing_kind backing, uint64_t page_bytes,
			 char *text)
{
	static const char thp[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	struct hugepages pool = { .nr = 0 };
	char mode[64], chosen[16];

	if (s->ram_bytes % page_bytes)
		return "--ram is no whole number of them";
	if (backing == BACKING_THP &&
	    (procfile_read(thp, mode, sizeof(mode)) ||
	     !procfile_chosen(mode, chosen, sizeof(chosen)) ||
	     !strcmp(chosen, "never")))
		return "this host has none: echo madvise > "
		       "/sys/kernel/mm/transparent_hugepage/enabled";
	if (!backing_is_pooled(backing, page_bytes))
		return NULL;
	hugepages_read(page_bytes, &pool);
	if (pool.nr_free >= pool.nr_reserved + s->ram_bytes / page_bytes)
		return NULL;
	return hugepages_remedy(page_bytes, s->ram_bytes / page_bytes, text);
}

static void add_kind(struct cells *c, enum backing_kind backing,
		     uint64_t page_bytes, const char *path)
{
	c->kind[c->nr_kinds++] = (struct cells_kind){
		.backing = backing,
		.page_bytes = page_bytes,
		.path = path,
		.first_bytes_per_s = NAN,
	};
}

static void choose_kinds(const struct prealloc_settings *s,
			 struct result *result, struct cells *c)
{
	char text[HUGEPAGES_TEXT_BYTES], size[UNITS_TEXT_BYTES];
	const char *why;
	size_t i;

	if (s->backing_given) {
		add_kind(c, s->backing, s->page_bytes, s->path);
		return;
	}
	for (i = 0; i < sizeof(all_kinds) / sizeof(all_kinds[0]); i++) {
		why = lacks(s, all_kinds[i].backing, all_kinds[i].page_bytes,
			    text);
		if (!why)
			add_kind(c, all_kinds[i].backing,
				 all_kinds[i].page_bytes, NULL);
		else
			result_warn(result, "left out: %s in pages of %s: %s",
				    backing_names[all_kinds[i].backing],
				    units_format_size(size,
						      all_kinds[i].page_bytes),
				    why);
	}
}

static int add_cell(struct cells *c, size_t room, struct cells_kind *kind,
		    enum prealloc_method method, unsigned int nr_threads)
{
	struct cell *cell = &c->cell[c->nr++];

	*cell = (struct cell){
		.kind = kind,
		.method = method,
		.nr_threads = nr_threads,
		.room = room,
		.elapsed_ms = calloc(room, sizeof(double)),
		.start_spread_ms = calloc(room, sizeof(double)),
		.finish_spread_ms = calloc(room, sizeof(double)),
	};
	return cell->elapsed_ms && cell->start_spread_ms &&
			       cell->finish_spread_ms
		       ? 0
		       : -ENOMEM;
}

static int add_limit(struct cells *c, size_t room, struct cells_kind *kind,
		     unsigned int nr_threads)
{
	struct cells_limit *limit = &c->limit[c->nr_limits++];

	*limit = (struct cells_limit){
		.kind = kind,
		.nr_threads = nr_threads,
		.room = room,
		.elapsed_ms = calloc(room, sizeof(double)),
	};
	return limit->elapsed_ms ? 0 : -ENOMEM;
}

/* 1, 2, 4, 8, 16 and what `auto` gives, each once, ascending. */
static size_t choose_threads(const struct prealloc_settings *s,
			     unsigned int *ret)
{
	unsigned int power, all = prealloc_auto_threads((unsigned int)s->cpus);
	size_t nr = 0;

	for (power = 1; power <= PREALLOC_AUTO_THREADS; power *= 2) {
		if (all > power / 2 && all < power)
			ret[nr++] = all;
		ret[nr++] = power;
	}
	return nr;
}

int cells_create(const struct prealloc_settings *s, struct result *result,
		 struct cells *ret)
{
	unsigned int threads[16];
	size_t nr_threads = choose_threads(s, threads), k, t;
	struct cells *c = ret;
	unsigned int m;
	int rc = 0;

	memset(c, 0, sizeof(*c));
	choose_kinds(s, result, c);
	c->cell = calloc(c->nr_kinds * nr_threads * PREALLOC_NR_METHODS + 1,
			 sizeof(*c->cell));
	c->limit = calloc(c->nr_kinds * nr_threads + 1, sizeof(*c->limit));
	if (!c->cell || !c->limit) {
		cells_exit(c);
		return -ENOMEM;
	}
	for (k = 0; k < c->nr_kinds; k++)
		for (t = 0; t < nr_threads && !rc; t++)
			rc = add_limit(c, s->repeat, &c->kind[k], threads[t]);
	for (k = 0; k < c->nr_kinds; k++)
		for (m = 0; m < PREALLOC_NR_METHODS; m++)
			for (t = 0; t < nr_threads && !rc; t++)
				if (!t || m != PREALLOC_SERIAL)
					rc = add_cell(c, s->repeat, &c->kind[k],
						      m, threads[t]);
	if (rc)
		cells_exit(c);
	return rc;
}

void cells_exit(struct cells *c)
{
	size_t i;

	for (i = 0; c->cell && i < c->nr; i++) {
		free(c->cell[i].elapsed_ms);
		free(c->cell[i].start_spread_ms);
		free(c->cell[i].finish_spread_ms);
	}
	for (i = 0; c->limit && i < c->nr_limits; i++)
		free(c->limit[i].elapsed_ms);
	free(c->cell);
	free(c->limit);
	c->cell = NULL;
	c->limit = NULL;
	c->nr = c->nr_limits = 0;
}

void cells_add(struct cell *cell, const struct prealloc_sample *s)
{
	if (cell->nr == cell->room)
		return;
	cell->elapsed_ms[cell->nr] = (double)s->result.elapsed_ns / 1e6;
	cell->start_spread_ms[cell->nr] =
		isnan(s->start_spread_ms) ? 0 : s->start_spread_ms;
	cell->finish_spread_ms[cell->nr] =
		isnan(s->finish_spread_ms) ? 0 : s->finish_spread_ms;
	cell->nr++;
	cell->faults = s->result.minor_faults;
	cell->pages_min = s->pages_min;
	cell->pages_max = s->pages_max;
}

double cells_limit_ms(const struct cells *c, const struct cell *of)
{
	struct stats stats;
	size_t i;

	for (i = 0; i < c->nr_limits; i++)
		if (c->limit[i].kind == of->kind &&
		    c->limit[i].nr_threads == of->nr_threads)
			break;
	if (i == c->nr_limits || !c->limit[i].nr ||
	    stats_compute(c->limit[i].elapsed_ms, c->limit[i].nr, &stats))
		return NAN;
	return stats.median;
}
