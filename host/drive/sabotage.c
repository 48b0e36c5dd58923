/* SPDX-License-Identifier: MIT */
/* Sabotage: what was asked for, which pages, and how it was found. */
#include "drive/sabotage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "drive/sabotage_damage.h"

static const struct {
	const char *name;
	enum oracle_class class;
} kinds[SABOTAGE_NR_KINDS] = {
	[SABOTAGE_SKIP_DIRTY] = { "skip-dirty", ORACLE_STALE },
	[SABOTAGE_SKIP_DMA_DIRTY] = { "skip-dma-dirty", ORACLE_STALE },
	[SABOTAGE_FLIP] = { "flip", ORACLE_FLIPPED },
	[SABOTAGE_ZERO] = { "zero", ORACLE_ZEROED },
	[SABOTAGE_MISPLACE] = { "misplace", ORACLE_MISPLACED },
	[SABOTAGE_TEAR] = { "tear", ORACLE_TORN },
	[SABOTAGE_STALE] = { "stale", ORACLE_STALE },
	[SABOTAGE_DROP_NESTED] = { "drop-nested-state", ORACLE_OK },
};

#define KIND_LIST                                                              \
	"skip-dirty, skip-dma-dirty, flip, zero, misplace, tear, stale, "      \
	"drop-nested-state"

bool sabotage_is_inside(enum sabotage_kind kind)
{
	return sabotage_is_engine(kind) || kind == SABOTAGE_DROP_NESTED;
}

const char *sabotage_kind_name(enum sabotage_kind kind)
{
	return kinds[kind].name;
}

enum oracle_class sabotage_class(enum sabotage_kind kind)
{
	return kinds[kind].class;
}

int sabotage_parse(const char *text, struct sabotage_params *ret,
		   struct error *err)
{
	size_t length = strcspn(text, ":");
	uint64_t count = 1;
	unsigned int i;

	for (i = 0; i < SABOTAGE_NR_KINDS; i++)
		if (strlen(kinds[i].name) == length &&
		    !memcmp(kinds[i].name, text, length))
			break;
	if (i == SABOTAGE_NR_KINDS)
		return error_set(
			err, -EINVAL,
			"there is no sabotage '%.*s'; the kinds are " KIND_LIST,
			(int)(length < 64 ? length : 64), text);
	if (text[length] &&
	    units_parse_u64(text + length + 1, 1, UINT32_MAX, &count))
		return error_set(err, -EINVAL,
				 "'%.64s' is no number of pages to sabotage: "
				 "write KIND or KIND:COUNT, with a count of at "
				 "least 1 and a kind of " KIND_LIST,
				 text + length + 1);
	ret->kind = i;
	ret->count = count;
	return 0;
}

json_t *sabotage_engine_parameter(const struct sabotage_params *params)
{
	return json_pack("{s:I, s:I, s:b}", "count", (json_int_t)params->count,
			 "seed", (json_int_t)params->seed, "dma",
			 params->kind == SABOTAGE_SKIP_DMA_DIRTY);
}

void sabotage_result_exit(struct sabotage_result *result)
{
	findings_exit(&result->pages);
}

/* Damages page @index if it lends itself to it: 1, 0 or -errno. */
static int damage_page(struct damage *d, uint64_t index,
		       const struct sabotage_params *params,
		       struct findings *pages)
{
	const struct oracle *o = d->expect->o;
	struct finding done = { .kind = sabotage_class(params->kind) };
	uint64_t gpa;
	int r;

	if (expect_in_flight(d->expect, index, NULL))
		return 0;
	d->index = index;
	d->gfn = done.gfn = oracle_gfn(o, index);
	d->visit = expect_visit(d->expect, index);
	d->random = oracle_mix(params->seed ^ oracle_mix(d->gfn + 1));
	gpa = d->gfn << ABI_PAGE_SHIFT;
	r = ram_read(d->ram, gpa, d->page, ABI_PAGE_BYTES);
	if (r)
		return r;
	if (!oracle_page_ok(o, d->gfn, d->visit, d->page))
		return 0; /* damaged already: not ours to name */
	r = damage_make(d, params->kind);
	if (r <= 0)
		return r;
	r = findings_add(pages, &done);
	if (!r)
		r = ram_write(d->ram, gpa, d->wrong, ABI_PAGE_BYTES);
	return r ? r : 1;
}

/* Goes through the whole working set in an order of the seed's own. */
static int damage_pages(struct damage *d, const struct sabotage_params *params,
			struct findings *pages)
{
	uint64_t i, nr = d->expect->o->nr_pages;
	struct oracle_perm perm;
	int r;

	oracle_perm_init_random(
		&perm, nr,
		oracle_mix(params->seed ^ oracle_mix(params->kind + 1ull)));
	for (i = 0; i < nr && pages->nr < params->count; i++) {
		r = damage_page(d, oracle_perm_apply(&perm, i), params, pages);
		if (r < 0)
			return r;
	}
	return findings_sort(pages);
}

int sabotage_apply(const struct ram *ram, const struct guest_view *view,
		   const struct sabotage_params *params,
		   struct sabotage_result *ret, struct error *err)
{
	struct findings pages = FINDINGS_INIT;
	struct damage d = { .ram = ram };
	struct expect expect;
	int r;

	if (sabotage_is_inside(params->kind) || !params->count ||
	    !view->has_epoch)
		return error_set(err, -EINVAL,
				 "there is nothing to sabotage from outside");
	expect_init(&expect, view);
	d.expect = &expect;
	d.page = aligned_alloc(ABI_PAGE_BYTES, 4 * ABI_PAGE_BYTES);
	if (!d.page)
		return error_set(err, -ENOMEM, "out of memory");
	d.wrong = d.page + ABI_PAGE_BYTES;
	d.scratch = d.wrong + ABI_PAGE_BYTES;
	r = damage_pages(&d, params, &pages);
	free(d.page);
	if (r) {
		findings_exit(&pages);
		return error_set(err, r, "cannot sabotage the guest: %s",
				 strerror(-r));
	}
	ret->wanted = sabotage_class(params->kind);
	ret->pages = pages;
	if (pages.nr < params->count)
		return error_set(err, -ENOSPC,
				 "only %zu pages lend themselves to sabotage "
				 "%s, %llu were asked for",
				 pages.nr, sabotage_kind_name(params->kind),
				 (unsigned long long)params->count);
	return 0;
}

void sabotage_score_exit(struct sabotage_score *score)
{
	findings_exit(&score->wrong_class);
	findings_exit(&score->missed);
	findings_exit(&score->invented);
}

int sabotage_score(const struct sabotage_result *result,
		   const struct findings *findings, struct sabotage_score *ret)
{
	struct sabotage_score s = { 0 };
	size_t i;
	int r = 0;

	for (i = 0; !r && i < result->pages.nr; i++) {
		const struct finding *want = &result->pages.item[i];
		const struct finding *got = findings_at(findings, want->gfn);

		if (!got)
			r = findings_add(&s.missed, want);
		else if (got->kind != want->kind)
			r = findings_add(&s.wrong_class, got);
		else
			s.found++;
	}
	for (i = 0; !r && i < findings->nr; i++)
		if (!findings_at(&result->pages, findings->item[i].gfn))
			r = findings_add(&s.invented, &findings->item[i]);
	if (r)
		sabotage_score_exit(&s);
	else
		*ret = s;
	return r;
}
