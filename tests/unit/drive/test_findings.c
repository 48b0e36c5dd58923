/* SPDX-License-Identifier: MIT */
/* Lists of bad pages: each gfn counts once, under its first class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../random.h"
#include "drive/findings.h"
#include "fake_guest.h"

static void add(struct findings *f, uint64_t gfn, enum oracle_class kind)
{
	struct finding item = { .gfn = gfn, .kind = kind };

	assert_int_equal(findings_add(f, &item), 0);
}

static void first_class_stays(void **state)
{
	struct findings f = FINDINGS_INIT, later = FINDINGS_INIT;
	uint64_t bad[ORACLE_NR_CLASSES];

	add(&f, 9, ORACLE_STALE);
	add(&f, 3, ORACLE_TORN);
	add(&f, 9, ORACLE_ZEROED);
	assert_int_equal(findings_sort(&f), 0);
	assert_int_equal(f.nr, 2);
	add(&later, 3, ORACLE_FLIPPED);
	add(&later, 1, ORACLE_FLIPPED);
	assert_int_equal(findings_merge(&f, &later), 0);
	assert_int_equal(findings_merge(&f, &later), 0);
	findings_count(&f, bad);
	assert_int_equal(f.nr, 3);
	assert_int_equal(bad[ORACLE_STALE], 1);
	assert_int_equal(bad[ORACLE_TORN], 1);
	assert_int_equal(bad[ORACLE_FLIPPED], 1);
	assert_int_equal(findings_at(&f, 9)->kind, ORACLE_STALE);
	assert_null(findings_at(&f, 2));
	assert_null(findings_at(&f, 10));
	findings_exit(&f);
	findings_exit(&later);
}

/* Any number, in any order, against a table of who came first. */
static void sorting_is_stable(void **state)
{
	struct rng rng = { 4 };
	size_t round, i;

	for (round = 0; round < 300; round++) {
		uint8_t first[64] = { 0 };
		struct findings f = FINDINGS_INIT;
		size_t distinct = 0;

		for (i = rng_below(&rng, 200); i; i--) {
			uint64_t gfn = rng_below(&rng, 64);
			enum oracle_class kind = 1 + rng_below(&rng, 6);

			add(&f, gfn, kind);
			if (!first[gfn]) {
				first[gfn] = (uint8_t)kind;
				distinct++;
			}
		}
		assert_int_equal(findings_sort(&f), 0);
		assert_int_equal(f.nr, distinct);
		for (i = 0; i < f.nr; i++) {
			assert_true(!i || f.item[i].gfn > f.item[i - 1].gfn);
			assert_int_equal(f.item[i].kind, first[f.item[i].gfn]);
		}
		findings_exit(&f);
	}
}

static void guests_logs_count_once(void **state)
{
	struct oracle o = { .seed = 1,
			    .epoch = 1,
			    .nr_vcpus = 2,
			    .nr_orders = 1,
			    .order[0].pattern = 1,
			    .write = 1,
			    .content = 1,
			    .nr_pages = 9 };
	struct fake_guest *g = fake_guest_create(o, 0);
	struct findings f = FINDINGS_INIT;
	struct guest_view view;
	uint64_t unlisted, i;

	g->bad[0].nr = 2;
	g->bad[0].entry[0] = (struct abi_bad){ 8, 5, 3, ORACLE_STALE, 1, 2, 9 };
	g->bad[0].entry[1] = (struct abi_bad){ 8, 5, 0, ORACLE_TORN, 2, 0, 9 };
	g->bad[1].nr = ABI_BAD_ENTRIES + 5;
	for (i = 0; i < ABI_BAD_ENTRIES; i++)
		g->bad[1].entry[i] =
			(struct abi_bad){ 9, 5, 0, ORACLE_ZEROED, 1, 0, 1 };
	view = fake_guest_view(g);
	assert_int_equal(findings_from_guest(&f, &view, &unlisted), 0);
	assert_int_equal(unlisted, 5);
	assert_int_equal(f.nr, 2);
	assert_int_equal(f.item[0].kind, ORACLE_STALE);
	assert_int_equal(f.item[0].behind, 2);
	assert_int_equal(f.item[0].first_offset, 2);
	assert_int_equal(f.item[1].kind, ORACLE_ZEROED);
	findings_exit(&f);
	guest_view_exit(&view);
	fake_guest_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_class_stays),
		cmocka_unit_test(sorting_is_stable),
		cmocka_unit_test(guests_logs_count_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
