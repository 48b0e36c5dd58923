/* SPDX-License-Identifier: MIT */
/*
 * Every pattern, step by step into a ledger: does a step counter, with the log
 * of the changes of order, tell the last visit of every page?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "params.h"

/* What a vCPU does, written down step by step. */
struct ledger {
	struct oracle_slice s;
	struct oracle_log log;
	struct oracle_cursor c;
	uint64_t steps;
	uint64_t *visit; /* last one of each page */
	bool *seen; /* in the unfinished stretch */
	uint64_t nr_seen;
};

static void ledger_init(struct ledger *l, const struct oracle *o, uint32_t v)
{
	*l = (struct ledger){ .s = oracle_slice(o, v) };
	l->visit = calloc(l->s.nr_pages, sizeof(*l->visit));
	l->seen = calloc(l->s.nr_pages, sizeof(*l->seen));
	oracle_cursor_seek(&l->c, o, v, &l->log, 0);
}

static void ledger_exit(struct ledger *l)
{
	free(l->visit);
	free(l->seen);
}

/* The closed form's last visit of every page, against the ledger. */
static void ledger_check(const struct ledger *l, const struct oracle *o,
			 uint32_t v)
{
	struct oracle_history h;
	uint64_t i;

	assert_true(oracle_log_valid(o, v, &l->log, l->steps));
	oracle_history_init(&h, o, v, &l->log, l->steps);
	for (i = 0; i < l->s.nr_pages; i++)
		assert_int_equal(oracle_history_visit(&h, l->s.first + i),
				 l->visit[i]);
}

static void ledger_step(struct ledger *l, const struct oracle *o, uint32_t v)
{
	struct oracle_history h;
	uint64_t index, visit, next, i;

	oracle_history_init(&h, o, v, &l->log, l->steps);
	index = oracle_cursor_next(&l->c, o, &visit);
	i = index - l->s.first;
	assert_in_range(index, l->s.first, l->s.first + l->s.nr_pages - 1);
	assert_int_equal(oracle_history_next(&h, &next), index);
	assert_int_equal(next, visit);
	assert_true(visit > l->visit[i]);
	assert_int_equal(oracle_visit_before(o, v, &l->log, index, visit),
			 l->visit[i]);
	l->visit[i] = visit;
	l->nr_seen += !l->seen[i];
	l->seen[i] = true;
	l->steps++;
	assert_int_equal(oracle_covers(&o->order[l->c.order], l->s.nr_pages,
				       l->steps - l->c.base),
			 l->nr_seen == l->s.nr_pages);
}

/* A change of order, if the log has room for one. */
static void ledger_change(struct ledger *l, const struct oracle *o, uint32_t v,
			  uint32_t order)
{
	if (l->nr_seen == l->s.nr_pages)
		l->log.first = l->log.nr;
	if (l->log.nr + 1 - l->log.first >= ORACLE_LOG_ENTRIES)
		return;
	l->log.nr++;
	l->log.change[l->log.nr % ORACLE_LOG_ENTRIES] = l->steps << 8 | order;
	memset(l->seen, 0, l->s.nr_pages * sizeof(*l->seen));
	l->nr_seen = 0;
	oracle_cursor_seek(&l->c, o, v, &l->log, l->steps);
}

/* Step by step into a ledger, against the closed form at many steps. */
static void history_is_ledger(struct rng *rng, const struct oracle *o)
{
	uint32_t v = (uint32_t)rng_below(rng, o->nr_vcpus);
	uint64_t nr = oracle_slice(o, v).nr_pages;
	uint64_t total = nr * 3 + nr / 2 + 1, check_every = 1 + total / 24;
	struct ledger l;

	if (!nr)
		return;
	ledger_init(&l, o, v);
	while (l.steps <= total) {
		if (l.steps % check_every == 0)
			ledger_check(&l, o, v);
		ledger_step(&l, o, v);
		assert_true(l.visit[0] < l.steps + 1);
	}
	ledger_exit(&l);
}

/* The same over changes of order at any step, as often as they fit. */
static void changes_are_ledger(struct rng *rng, const struct oracle *o)
{
	uint32_t v = (uint32_t)rng_below(rng, o->nr_vcpus), change;
	uint64_t nr = oracle_slice(o, v).nr_pages, i, steps;
	struct ledger l;

	if (!nr)
		return;
	ledger_init(&l, o, v);
	for (change = 0; change < 90; change++) {
		steps = rng_below(rng, 1 + rng_below(rng, nr + nr / 2 + 2));
		for (i = 0; i < steps; i++)
			ledger_step(&l, o, v);
		if (change % 8 == 0)
			ledger_check(&l, o, v);
		ledger_change(&l, o, v, (uint32_t)rng_below(rng, o->nr_orders));
		if (change % 8 == 1)
			ledger_check(&l, o, v);
	}
	ledger_exit(&l);
}

/* One vCPU with ten pages, changed at steps 5, 20 (it was round) and 25. */
static void hostile_logs_are_refused(void **state)
{
	static const struct {
		const char *what;
		uint64_t nr, first, steps, entry, change;
	} cases[] = {
		{ "oldest beyond newest", 3, 4, 30, 3, 25 << 8 },
		{ "too many", 64, 2, 30, 3, 25 << 8 },
		{ "an order that is not", 3, 2, 30, 3, 25 << 8 | 2 },
		{ "a step that is to come", 3, 2, 30, 3, 31 << 8 },
		{ "back in time", 3, 2, 30, 3, 19 << 8 },
		{ "fewer steps", 3, 2, 24, 3, 25 << 8 },
		{ "forgot too much", 3, 3, 30, 3, 25 << 8 },
		{ "forgot too much", 3, 1, 30, 2, 14 << 8 },
	};
	const struct oracle o = { .nr_vcpus = 1,
				  .nr_pages = 10,
				  .nr_orders = 2,
				  .order = { { 2, 0, 0, 0 }, { 1, 0, 0, 0 } } };
	const struct oracle_log good = {
		3, 1, { 0, 5 << 8 | 1, 20 << 8, 25 << 8 | 1 }
	};
	size_t i;

	assert_true(oracle_log_valid(&o, 0, &good, 30));
	assert_true(oracle_log_valid(&o, 0, &good, 25));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct oracle_log log = good;

		log.nr = cases[i].nr;
		log.first = cases[i].first;
		log.change[cases[i].entry] = cases[i].change;
		if (oracle_log_valid(&o, 0, &log, cases[i].steps))
			fail_msg("accepted: %s", cases[i].what);
	}
}

FOR_ALL(history_is_ledger)
FOR_ALL(changes_are_ledger)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_logs_are_refused),
		cmocka_unit_test(test_history_is_ledger),
		cmocka_unit_test(test_changes_are_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
