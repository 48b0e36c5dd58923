/* SPDX-License-Identifier: MIT */
/* Distinct pages over time, by the oracle and the step counters. */
#include "drive/dirty_curve.h"

#define ASKED_PAGES 16384u
/* Beyond the looks: each window is so many times the one before. */
#define GROWTH 1.5
#define LONGEST_S 600.0

double dirty_curve_pages(const struct dirty_curve *c, double seconds)
{
	double t0 = 0, p0 = 0, slope = 0, pages;
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		slope = (c->pages[i] - p0) / (c->second[i] - t0);
		if (seconds <= c->second[i])
			break;
		if (i + 1 == c->nr)
			break;
		t0 = c->second[i];
		p0 = c->pages[i];
	}
	pages = p0 + slope * (seconds - t0);
	return pages < c->most_pages ? pages : c->most_pages;
}

/* Pages that are asked: all, or spread by a hash, so that no pattern of the
 * workload's falls in step with them. */
struct asked {
	uint64_t nr;
	uint64_t of;
};

static uint64_t asked_index(const struct asked *a, uint64_t i)
{
	return a->nr == a->of ? i
			      : oracle_mix(i * 0x9e3779b97f4a7c15ull) % a->of;
}

/* All vCPUs' orders as they stood at some counters. */
struct moment {
	struct oracle_log log[ABI_MAX_VCPUS];
	struct oracle_history history[ABI_MAX_VCPUS];
};

/* The log may have changes that were made later than @steps. Returns the
 * counter nearest to @steps that can be told of. */
static uint64_t log_as_of(struct oracle_log *log, uint64_t steps)
{
	while (log->nr > log->first && oracle_log_steps(log, log->nr) > steps)
		log->nr--;
	if (oracle_log_steps(log, log->nr) > steps)
		steps = oracle_log_steps(log, log->nr);
	return steps;
}

static void moment_init(struct moment *m, const struct oracle *o,
			const struct oracle_log *log, const uint64_t *steps)
{
	uint64_t at;
	uint32_t v;

	for (v = 0; v < o->nr_vcpus; v++) {
		if (!oracle_slice(o, v).nr_pages)
			continue;
		m->log[v] = log[v];
		at = log_as_of(&m->log[v], steps[v]);
		oracle_history_init(&m->history[v], o, v, &m->log[v], at);
	}
}

static uint64_t last_visit(const struct oracle *o, const struct moment *m,
			   uint64_t index)
{
	return oracle_history_visit(&m->history[oracle_owner(o, index)], index);
}

/* Pages written between two states of the counters. */
static double written(const struct oracle *o, const struct oracle_log *log,
		      const struct dirty_look *from, const uint64_t *steps)
{
	struct moment a = { 0 }, b = { 0 };
	struct asked asked = { .of = o->nr_pages };
	uint64_t i, index, hits = 0;

	asked.nr = asked.of < ASKED_PAGES ? asked.of : ASKED_PAGES;
	if (!asked.nr)
		return 0;
	moment_init(&a, o, log, from->steps);
	moment_init(&b, o, log, steps);
	for (i = 0; i < asked.nr; i++) {
		index = asked_index(&asked, i);
		hits += last_visit(o, &a, index) != last_visit(o, &b, index);
	}
	return (double)hits * (double)asked.of / (double)asked.nr;
}

static void add_point(struct dirty_curve *c, double second, double pages)
{
	double before = c->nr ? c->pages[c->nr - 1] : 0;

	c->second[c->nr] = second;
	/* Nothing that was dirty becomes clean by waiting. */
	c->pages[c->nr++] = pages > before ? pages : before;
}

/* Where the counters will be, each vCPU at the mean rate of all looks. */
static void advance(const struct oracle *o, const struct dirty_look *first,
		    const struct dirty_look *last, double second,
		    uint64_t *ret_steps)
{
	uint32_t v;

	for (v = 0; v < o->nr_vcpus; v++) {
		double n = (double)(last->steps[v] - first->steps[v]);

		ret_steps[v] = first->steps[v] +
			       (uint64_t)(n * (second / last->second));
	}
}

void dirty_curve_project(const struct oracle *o, const struct oracle_log *log,
			 const struct dirty_look *look, unsigned int nr_looks,
			 struct dirty_curve *ret_curve)
{
	const struct dirty_look *last = &look[nr_looks - 1];
	struct dirty_curve c = { .most_pages = (double)o->nr_pages };
	uint64_t steps[ABI_MAX_VCPUS] = { 0 };
	double second = last->second;
	unsigned int i;

	*ret_curve = c;
	if (nr_looks < 2 || !o->nr_vcpus)
		return;
	for (i = 1; i < nr_looks; i++)
		add_point(&c, look[i].second,
			  written(o, log, look, look[i].steps));
	while (c.nr < DIRTY_CURVE_POINTS && second < LONGEST_S &&
	       c.pages[c.nr - 1] < c.most_pages) {
		second *= GROWTH;
		advance(o, look, last, second, steps);
		add_point(&c, second, written(o, log, look, steps));
	}
	*ret_curve = c;
}
