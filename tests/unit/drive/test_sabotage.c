/* SPDX-License-Identifier: MIT */
/*
 * Sabotage of every kind on every workload: is what was damaged found, all of
 * it, under the right class, and nothing else?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "drive/expect.h"
#include "drive/sabotage.h"
#include "drive/verify.h"
#include "fake_guest.h"

static void words_are_parsed(void **state)
{
	struct sabotage_params p = { .seed = 5 };
	enum sabotage_kind kind;
	char text[64];

	for (kind = 0; kind < SABOTAGE_NR_KINDS; kind++) {
		assert_int_equal(
			sabotage_parse(sabotage_kind_name(kind), &p, NULL), 0);
		assert_int_equal(p.kind, kind);
		assert_int_equal(p.count, 1);
		snprintf(text, sizeof(text), "%s:37", sabotage_kind_name(kind));
		assert_int_equal(sabotage_parse(text, &p, NULL), 0);
		assert_int_equal(p.kind, kind);
		assert_int_equal(p.count, 37);
	}
	assert_int_equal(p.seed, 5);
}

static void other_words_are_refused(void **state)
{
	static const char *const words[] = {
		"",
		":",
		":3",
		"fli",
		"flips",
		"Flip",
		"flip:",
		"flip:0",
		"flip:-1",
		"flip:+1",
		"flip: 1",
		"flip:1 ",
		"flip:1x",
		"flip:1:2",
		"flip:4294967296",
		"flip:99999999999999999999",
		"flip=3",
		"none",
		" flip",
		"stale,flip",
		"skip_dirty",
	};
	struct sabotage_params p = { 0 };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct error err = { "" };

		if (sabotage_parse(words[i], &p, &err) != -EINVAL)
			fail_msg("accepted: '%s'", words[i]);
		assert_non_null(strstr(err.text, "skip-dirty, skip-dma-dirty"));
		assert_int_equal(p.count, 0);
	}
}

/* Does what was asked for; -ENOSPC is the caller's to judge. */
static int apply(struct fake_guest *g, const struct sabotage_params *p,
		 struct sabotage_result *result)
{
	struct guest_view view = fake_guest_view(g);
	struct error err = { "" };
	int r = sabotage_apply(&g->ram, &view, p, result, &err);

	if (r && r != -ENOSPC)
		fail_msg("%s", err.text);
	guest_view_exit(&view);
	return r;
}

/* All found, right, none invented. */
static void expect_all_found(struct fake_guest *g,
			     const struct sabotage_result *result)
{
	struct guest_view view = fake_guest_view(g);
	struct verify_params p = { .nr_threads = 1,
				   .in_flight_allowed = true,
				   .image_elf = g->elf,
				   .image_bytes = g->elf_bytes };
	struct sabotage_score score;
	struct verify_report report;

	assert_int_equal(verify_ram(&g->ram, &view, &p, &report, NULL), 0);
	assert_int_equal(sabotage_score(result, &report.findings, &score), 0);
	assert_int_equal(score.found, result->pages.nr);
	assert_int_equal(score.missed.nr, 0);
	assert_int_equal(score.invented.nr, 0);
	assert_int_equal(score.wrong_class.nr, 0);
	assert_int_equal(report.bad[result->wanted], result->pages.nr);
	sabotage_score_exit(&score);
	verify_report_exit(&report);
	guest_view_exit(&view);
}

static struct oracle params(uint32_t pattern, uint32_t write, uint32_t content,
			    uint64_t seed)
{
	return (struct oracle){ .seed = seed,
				.epoch = 1 + (uint32_t)seed,
				.nr_vcpus = 2,
				.nr_orders = 1,
				.order[0].pattern = pattern,
				.write = write,
				.content = content,
				.ratio = 1 + (uint32_t)seed % 9,
				.nr_pages = 97 };
}

/* One kind on one workload: single pages, and several at once. */
static void try_kind(struct oracle o, enum sabotage_kind kind, uint64_t seed)
{
	static const uint64_t counts[] = { 1, 1, 3, 8 };
	struct sabotage_params p = { kind, counts[seed % 4], seed };
	struct sabotage_result result = SABOTAGE_RESULT_INIT;
	struct fake_guest *g = fake_guest_create(o, 55 + seed % 17);

	if (apply(g, &p, &result) || result.pages.nr != p.count)
		fail_msg("%s: %zu of %llu placed", sabotage_kind_name(kind),
			 result.pages.nr, (unsigned long long)p.count);
	expect_all_found(g, &result);
	sabotage_result_exit(&result);
	fake_guest_destroy(g);
}

static void every_sabotage_is_found(void **state)
{
	uint32_t pattern, write, content;
	enum sabotage_kind kind;
	uint64_t seed;

	for (pattern = 1; pattern <= 2; pattern++)
		for (write = 1; write <= 2; write++)
			for (content = 1; content <= 3; content++)
				for (kind = SABOTAGE_FLIP;
				     kind < SABOTAGE_DROP_NESTED; kind++)
					for (seed = 0; seed < 20; seed++)
						try_kind(params(pattern, write,
								content, seed),
							 kind, seed);
}

/* Asked for more than there is: all that qualify, and no page in flight. */
static void too_many_are_placed_as_far_as_they_go(void **state)
{
	enum sabotage_kind kind;

	for (kind = SABOTAGE_FLIP; kind < SABOTAGE_DROP_NESTED; kind++) {
		struct sabotage_params p = { kind, 1000, 3 };
		struct sabotage_result result = SABOTAGE_RESULT_INIT;
		struct oracle o = params(2, 2, 2, 3);
		struct fake_guest *g;

		o.nr_pages = 37;
		g = fake_guest_create(o, 44);
		assert_int_equal(apply(g, &p, &result), -ENOSPC);
		assert_int_equal(result.pages.nr, 35);
		expect_all_found(g, &result);
		sabotage_result_exit(&result);
		fake_guest_destroy(g);
	}
}

/* Of a guest with one vCPU and one pass behind it: pages not in flight whose
 * last visit was blank, or was not. */
static size_t pages_that_are(const struct fake_guest *g, bool blank)
{
	const struct oracle *o = &g->control->epoch;
	uint64_t steps = g->vcpu[0].steps, index;
	struct oracle_history h;
	uint64_t next;
	size_t nr = 0;

	oracle_history_init(&h, o, 0, NULL, steps);
	for (index = 0; index < o->nr_pages; index++)
		if (index != oracle_history_next(&h, &next) &&
		    oracle_visit_blank(o, oracle_gfn(o, index),
				       oracle_history_visit(&h, index)) ==
			    blank)
			nr++;
	return nr;
}

/* Zeroing shows where there was a stamp, an older visit where it had one. */
static void zero_content_places_what_shows(void **state)
{
	static const enum sabotage_kind kinds[] = { SABOTAGE_ZERO,
						    SABOTAGE_STALE };
	size_t i;

	for (i = 0; i < 2; i++) {
		struct sabotage_params p = { kinds[i], 100, 1 };
		struct sabotage_result result = SABOTAGE_RESULT_INIT;
		struct oracle o = params(1, 1, ORACLE_CONTENT_ZERO, 1);
		struct fake_guest *g;

		o.nr_vcpus = 1;
		o.nr_pages = 40;
		g = fake_guest_create(o, 40);
		assert_int_equal(apply(g, &p, &result), -ENOSPC);
		assert_int_equal(result.pages.nr, pages_that_are(g, i == 1));
		assert_in_range(result.pages.nr, 8, 32);
		expect_all_found(g, &result);
		sabotage_result_exit(&result);
		fake_guest_destroy(g);
	}
}

/* One pass behind it: every last visit is the first one, blank on the pages that
 * began with a stamp. The others are there to be copied from. */
static void zero_content_misplaces_what_has_a_stamp(void **state)
{
	struct sabotage_params p = { SABOTAGE_MISPLACE, 10, 1 };
	struct sabotage_result result = SABOTAGE_RESULT_INIT;
	struct oracle o = params(1, 1, ORACLE_CONTENT_ZERO, 1);
	struct fake_guest *g;

	o.nr_vcpus = 1;
	o.nr_pages = 40;
	g = fake_guest_create(o, 40);
	assert_in_range(pages_that_are(g, false), 8, 32);
	assert_int_equal(apply(g, &p, &result), 0);
	assert_int_equal(result.pages.nr, 10);
	expect_all_found(g, &result);
	sabotage_result_exit(&result);
	fake_guest_destroy(g);
}

/* Damage that would leave the same bytes, or has another name, isn't done. */
static void nothing_ambiguous_is_placed(void **state)
{
	static const struct {
		uint32_t content;
		uint64_t steps; /* of one vCPU with ten pages */
		enum sabotage_kind kind;
		size_t placed;
	} cases[] = {
		{ ORACLE_CONTENT_RANDOM, 0, SABOTAGE_STALE, 0 },
		{ ORACLE_CONTENT_RANDOM, 0, SABOTAGE_TEAR, 0 },
		{ ORACLE_CONTENT_RANDOM, 4, SABOTAGE_STALE, 4 },
		{ ORACLE_CONTENT_RANDOM, 4, SABOTAGE_TEAR, 4 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sabotage_params p = { cases[i].kind, 100, 1 };
		struct sabotage_result result = SABOTAGE_RESULT_INIT;
		struct oracle o = params(1, 1, cases[i].content, 1);
		struct fake_guest *g;

		o.nr_vcpus = 1;
		o.nr_pages = 10;
		g = fake_guest_create(o, cases[i].steps);
		assert_int_equal(apply(g, &p, &result), -ENOSPC);
		if (result.pages.nr != cases[i].placed)
			fail_msg("case %zu: %zu placed", i, result.pages.nr);
		expect_all_found(g, &result);
		sabotage_result_exit(&result);
		fake_guest_destroy(g);
	}
}

/* A page that is damaged already is nobody's to damage again. */
static void damaged_pages_are_left_alone(void **state)
{
	struct sabotage_params zero = { SABOTAGE_ZERO, 20, 1 };
	struct sabotage_params flip = { SABOTAGE_FLIP, 1000, 2 };
	struct sabotage_result first = SABOTAGE_RESULT_INIT;
	struct sabotage_result second = SABOTAGE_RESULT_INIT;
	struct fake_guest *g = fake_guest_create(params(2, 1, 2, 3), 44);
	size_t i;

	assert_int_equal(apply(g, &zero, &first), 0);
	assert_int_equal(apply(g, &flip, &second), -ENOSPC);
	assert_int_equal(second.pages.nr, 97 - 2 - 20);
	for (i = 0; i < first.pages.nr; i++)
		assert_null(
			findings_at(&second.pages, first.pages.item[i].gfn));
	sabotage_result_exit(&first);
	sabotage_result_exit(&second);
	fake_guest_destroy(g);
}

/* The seed chooses, and nothing else does. */
static void seed_chooses(void **state)
{
	uint64_t seen = 0, seed;
	int again;

	for (seed = 0; seed < 64; seed++) {
		uint64_t gfn[2];

		for (again = 0; again < 2; again++) {
			struct sabotage_params p = { SABOTAGE_FLIP, 1, seed };
			struct sabotage_result result = SABOTAGE_RESULT_INIT;
			struct fake_guest *g =
				fake_guest_create(params(2, 2, 2, 3), 44);

			assert_int_equal(apply(g, &p, &result), 0);
			gfn[again] = result.pages.item[0].gfn;
			sabotage_result_exit(&result);
			fake_guest_destroy(g);
		}
		assert_int_equal(gfn[0], gfn[1]);
		seen |= 1ull << gfn[0] % 64;
	}
	assert_true(__builtin_popcountll(seen) > 20);
}

static void nonsense_is_refused(void **state)
{
	struct fake_guest *g = fake_guest_create(params(2, 2, 2, 3), 44);
	struct guest_view view = fake_guest_view(g);
	struct sabotage_params p = { SABOTAGE_SKIP_DIRTY, 1, 1 };
	struct sabotage_result result = SABOTAGE_RESULT_INIT;

	assert_int_equal(sabotage_apply(&g->ram, &view, &p, &result, NULL),
			 -EINVAL);
	p.kind = SABOTAGE_SKIP_DMA_DIRTY;
	assert_int_equal(sabotage_apply(&g->ram, &view, &p, &result, NULL),
			 -EINVAL);
	p = (struct sabotage_params){ SABOTAGE_FLIP, 0, 1 };
	assert_int_equal(sabotage_apply(&g->ram, &view, &p, &result, NULL),
			 -EINVAL);
	p.count = 1;
	view.has_epoch = false;
	assert_int_equal(sabotage_apply(&g->ram, &view, &p, &result, NULL),
			 -EINVAL);
	guest_view_exit(&view);
	fake_guest_destroy(g);
}

static void scores_tell_apart(void **state)
{
	struct sabotage_result done = { ORACLE_STALE, FINDINGS_INIT };
	struct findings found = FINDINGS_INIT;
	struct finding f = { .kind = ORACLE_STALE };
	struct sabotage_score score;

	for (f.gfn = 1; f.gfn <= 3; f.gfn++)
		findings_add(&done.pages, &f);
	f.gfn = 1;
	findings_add(&found, &f);
	f = (struct finding){ .gfn = 3, .kind = ORACLE_TORN };
	findings_add(&found, &f);
	f.gfn = 9;
	findings_add(&found, &f);
	assert_int_equal(sabotage_score(&done, &found, &score), 0);
	assert_int_equal(score.found, 1);
	assert_int_equal(score.missed.nr, 1);
	assert_int_equal(score.missed.item[0].gfn, 2);
	assert_int_equal(score.wrong_class.nr, 1);
	assert_int_equal(score.wrong_class.item[0].kind, ORACLE_TORN);
	assert_int_equal(score.invented.nr, 1);
	assert_int_equal(score.invented.item[0].gfn, 9);
	sabotage_score_exit(&score);
	findings_exit(&found);
	sabotage_result_exit(&done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_words_are_refused),
		cmocka_unit_test(words_are_parsed),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(scores_tell_apart),
		cmocka_unit_test(nothing_ambiguous_is_placed),
		cmocka_unit_test(zero_content_places_what_shows),
		cmocka_unit_test(zero_content_misplaces_what_has_a_stamp),
		cmocka_unit_test(too_many_are_placed_as_far_as_they_go),
		cmocka_unit_test(damaged_pages_are_left_alone),
		cmocka_unit_test(seed_chooses),
		cmocka_unit_test(every_sabotage_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
