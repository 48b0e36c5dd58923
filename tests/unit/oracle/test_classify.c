/* SPDX-License-Identifier: MIT */
/*
 * Damage by name: is each class of damage told apart, whatever the workload?
 *
 * Where two kinds of damage leave the same bytes, only one name can be given:
 * each such case is written down here with the name it gets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "classify.h"
#include "params.h"

#define ROUNDS 6000u

struct state {
	struct rng rng;
	struct oracle o;
	uint64_t gfn, visit;
	uint8_t *page, *other, *scratch;
	struct oracle_finding f;
};

/* A page of a random workload that has seen at least @least visits. */
static void next_page(struct state *s, uint64_t least)
{
	s->o = params_random(&s->rng, 1 + rng_below(&s->rng, 999), 4);
	s->gfn = oracle_gfn(&s->o, rng_below(&s->rng, s->o.nr_pages));
	s->visit = least + (rng_next(&s->rng) >> (17 + rng_below(&s->rng, 46)));
	oracle_page(&s->o, s->gfn, s->visit, s->page);
}

static enum oracle_class classify(struct state *s)
{
	oracle_classify(&s->o, s->gfn, s->visit, s->page, s->scratch, &s->f);
	return s->f.kind;
}

/* Is the page of @visit all zero? */
static bool blank(const struct state *s, uint64_t visit)
{
	return oracle_visit_blank(&s->o, s->gfn, visit);
}

static void right_pages_are_ok(struct state *s)
{
	next_page(s, 0);
	assert_int_equal(classify(s), ORACLE_OK);
	assert_int_equal(s->f.nr_bytes, 0);
}

static void flips(struct state *s)
{
	uint32_t bit, i, n = 1 + (uint32_t)rng_below(&s->rng, ORACLE_FLIP_BITS);

	next_page(s, 0);
	for (i = 0; i < n; i++) {
		bit = (uint32_t)rng_below(&s->rng, ABI_PAGE_BYTES * 8);
		s->page[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	if (classify(s) == ORACLE_OK)
		return; /* the same bit twice */
	assert_int_equal(s->f.kind, ORACLE_FLIPPED);
	assert_true(s->f.nr_bits <= n && s->f.nr_bits % 2 == n % 2);
}

/* Garbage over part of the page is no torn write. */
static void garbage(struct state *s)
{
	uint32_t at, i;

	next_page(s, 0);
	at = (uint32_t)rng_below(&s->rng, ABI_PAGE_BYTES - 32);
	for (i = 0; i < 32; i++)
		s->page[at + i] = (uint8_t)(1 + rng_below(&s->rng, 255));
	assert_int_equal(classify(s), ORACLE_FLIPPED);
	assert_in_range(s->f.first_offset, at, at + 31);
}

static void zeroed(struct state *s)
{
	next_page(s, 0);
	memset(s->page, 0, ABI_PAGE_BYTES);
	assert_int_equal(classify(s),
			 blank(s, s->visit) ? ORACLE_OK : ORACLE_ZEROED);
}

/* Named alike: an older visit that was all zero is `zeroed`. */
static void stale(struct state *s)
{
	uint64_t behind;

	next_page(s, 1);
	behind = 1 + rng_below(&s->rng, oracle_min(s->visit, 20));
	oracle_page(&s->o, s->gfn, s->visit - behind, s->page);
	if (blank(s, s->visit - behind)) {
		assert_int_equal(classify(s), blank(s, s->visit)
						      ? ORACLE_OK
						      : ORACLE_ZEROED);
		return;
	}
	assert_int_equal(classify(s), ORACLE_STALE);
	assert_int_equal(s->f.found, s->visit - behind);
	assert_int_equal(s->f.behind, behind);
}

static void stale_epoch(struct state *s)
{
	struct oracle before;

	next_page(s, 0);
	if (s->o.epoch == 1)
		return;
	before = s->o;
	before.epoch -= 1 + (uint32_t)rng_below(
				    &s->rng, oracle_min(before.epoch - 1, 999));
	before.seed = rng_next(&s->rng);
	before.content = ORACLE_CONTENT_RANDOM;
	oracle_page(&before, s->gfn, 5, s->page);
	assert_int_equal(classify(s), ORACLE_STALE);
	assert_int_equal(s->f.behind, 0);
	oracle_page(&before, s->gfn + 1, 5, s->page);
	assert_int_equal(classify(s), ORACLE_MISPLACED);
	assert_int_equal(s->f.found, s->gfn + 1);
}

/* Another page with more wrong on top: its stamp still tells. */
static void misplaced_and_damaged(struct state *s)
{
	next_page(s, 0);
	s->o.content = ORACLE_CONTENT_RANDOM;
	oracle_page(&s->o, s->gfn + 1, s->visit, s->page);
	memset(s->page + 1000, 0x77, 100);
	assert_int_equal(classify(s), ORACLE_MISPLACED);
	assert_int_equal(s->f.found, s->gfn + 1);
}

/* Named alike: another page that is all zero is `zeroed`. */
static void misplaced(struct state *s)
{
	uint64_t from, visit;

	next_page(s, 0);
	from = oracle_gfn(&s->o, rng_below(&s->rng, s->o.nr_pages));
	visit = s->visit + rng_below(&s->rng, 2);
	if (from == s->gfn)
		return;
	oracle_page(&s->o, from, visit, s->page);
	if (oracle_visit_blank(&s->o, from, visit)) {
		assert_int_equal(classify(s), blank(s, s->visit)
						      ? ORACLE_OK
						      : ORACLE_ZEROED);
		return;
	}
	assert_int_equal(classify(s), ORACLE_MISPLACED);
	assert_int_equal(s->f.found, from);
}

/* Named alike: the all-zero visit to come is `zeroed`. */
static void future(struct state *s)
{
	uint64_t ahead = 1 + rng_below(&s->rng, 5);

	next_page(s, 0);
	oracle_page(&s->o, s->gfn, s->visit + ahead, s->page);
	if (blank(s, s->visit + ahead)) {
		assert_int_equal(classify(s), blank(s, s->visit)
						      ? ORACLE_OK
						      : ORACLE_ZEROED);
		return;
	}
	assert_int_equal(classify(s), ORACLE_FUTURE);
	assert_int_equal(s->f.found, s->visit + ahead);
}

/*
 * Head of the last write, tail of an older visit, or the other way round.
 * Named alike: up to four wrong bits are `flipped`, whatever the cause; all
 * zero is `zeroed`; where the other visit's half holds all that differs, the
 * page is that visit: `stale`. Where several visits explain the bytes (all-zero
 * ones, or one byte equal by chance), the nearest is named.
 */
static void torn(struct state *s)
{
	uint64_t back, split;
	uint8_t *head = s->page, *tail = s->other;
	enum oracle_class kind;

	next_page(s, 1);
	back = 1 + rng_below(&s->rng, oracle_min(s->visit, ORACLE_TORN_VISITS));
	oracle_page(&s->o, s->gfn, s->visit - back, s->other);
	split = 1 + rng_below(&s->rng, oracle_write_bytes(&s->o) - 1);
	if (rng_below(&s->rng, 2)) {
		head = s->other;
		tail = s->page;
	}
	memcpy(s->scratch, head, split);
	memcpy(s->scratch + split, tail + split, ABI_PAGE_BYTES - split);
	memcpy(s->page, s->scratch, ABI_PAGE_BYTES);
	kind = classify(s);
	if (s->f.nr_bits > ORACLE_FLIP_BITS && kind != ORACLE_ZEROED &&
	    kind != ORACLE_STALE) {
		assert_int_equal(kind, ORACLE_TORN);
		assert_in_range(s->f.found, s->visit - back, s->visit - 1);
		if (s->f.nr_bytes > 4 && !blank(s, s->visit - back) &&
		    s->o.content != ORACLE_CONTENT_CONSTANT)
			assert_int_equal(s->f.found, s->visit - back);
	} else if (kind == ORACLE_ZEROED) {
		assert_int_equal(s->o.content, ORACLE_CONTENT_ZERO);
	} else if (kind == ORACLE_STALE) {
		assert_memory_equal(s->page, s->other, ABI_PAGE_BYTES);
	}
}

/* A page half written when it froze: part this visit, part the next. */
static void torn_ahead(struct state *s)
{
	next_page(s, 0);
	if (s->o.content == ORACLE_CONTENT_ZERO)
		return; /* a blank half: as above */
	oracle_page(&s->o, s->gfn, s->visit + 1, s->other);
	memcpy(s->page, s->other, 8);
	classify(s);
	if (s->f.nr_bits <= ORACLE_FLIP_BITS)
		return;
	assert_int_equal(s->f.kind, ORACLE_TORN);
	assert_int_equal(s->f.found, s->visit + 1);
}

static void run(void (*test)(struct state *s), uint64_t seed)
{
	struct state s = { .rng = { seed } };
	uint32_t i;

	s.page = aligned_alloc(ABI_PAGE_BYTES, 4 * ABI_PAGE_BYTES);
	s.other = s.page + ABI_PAGE_BYTES;
	s.scratch = s.other + ABI_PAGE_BYTES;
	for (i = 0; i < ROUNDS; i++)
		test(&s);
	free(s.page);
}

#define RUN(name, seed)                                                        \
	static void test_##name(void **state)                                  \
	{                                                                      \
		run(name, seed);                                               \
	}
RUN(flips, 1)
RUN(garbage, 2)
RUN(zeroed, 3)
RUN(stale, 4)
RUN(stale_epoch, 5)
RUN(misplaced, 6)
RUN(future, 7)
RUN(torn, 8)
RUN(torn_ahead, 9)
RUN(right_pages_are_ok, 10)
RUN(misplaced_and_damaged, 11)

static void names_are_the_results_keys(void **state)
{
	assert_string_equal(oracle_class_name(ORACLE_STALE), "stale");
	assert_string_equal(oracle_class_name(ORACLE_FUTURE), "future");
	assert_string_equal(oracle_class_name(ORACLE_NR_CLASSES), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_zeroed),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_stale_epoch),
		cmocka_unit_test(test_misplaced),
		cmocka_unit_test(test_misplaced_and_damaged),
		cmocka_unit_test(test_future),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_torn_ahead),
		cmocka_unit_test(test_right_pages_are_ok),
		cmocka_unit_test(names_are_the_results_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
