/* SPDX-License-Identifier: MIT */
/*
 * The oracle's order: which page a step writes, and which visit of a page was
 * the last. See oracle.h for the words.
 */
#ifndef VMFERRY_ABI_ORACLE_ORDER_H
#define VMFERRY_ABI_ORACLE_ORDER_H

#include "oracle_perm.h"

/* ---- stretches: what changes of order leave behind ---------------------- */

#define ORACLE_LOG_ENTRIES 62u

/*
 * When a vCPU changed its order. A *stretch* is what lies between two changes:
 * stretch 0 begins at step 0 with order 0, stretch n at change n. A page's
 * visits in a stretch that began behind step B are numbered B + 1, B + 2, ...:
 * B is more than any number before it, so that numbers only ever grow.
 *
 * Stretches before `first` are forgotten: in stretch `first` every page was
 * visited. All zero: no change yet. The vCPU stores an entry before it counts
 * it, and forgets before it reuses: whenever it is frozen, the log is whole.
 */
struct oracle_log {
	uint64_t nr; /* OUT: changes so far */
	uint64_t first; /* OUT: oldest stretch that is still needed, 0..nr */
	/* OUT: change n at entry n % ORACLE_LOG_ENTRIES: steps << 8 | order */
	uint64_t change[ORACLE_LOG_ENTRIES];
};

static inline uint64_t oracle_log_steps(const struct oracle_log *log,
					uint64_t stretch)
{
	return stretch ? log->change[stretch % ORACLE_LOG_ENTRIES] >> 8 : 0;
}

static inline uint32_t oracle_log_order(const struct oracle_log *log,
					uint64_t stretch)
{
	return stretch ? log->change[stretch % ORACLE_LOG_ENTRIES] & 0xff : 0;
}

/* Hot pages of a slice of @nr: its first ones. With no cold page, all. */
static inline uint64_t oracle_hot_pages(const struct oracle_order *order,
					uint64_t nr)
{
	uint64_t hot = nr * order->hot_pages_pct / 100;

	return order->pattern != ORACLE_HOTCOLD || nr < 2 ? nr : hot ? hot : 1;
}

/* Of the first @steps steps of a stretch so many go to the hot pages. */
static inline uint64_t oracle_hot_steps(const struct oracle_order *order,
					uint64_t steps)
{
	return steps * order->hot_steps_pct / 100;
}

/* Has every page been visited after @steps steps in this order? */
static inline bool oracle_covers(const struct oracle_order *order, uint64_t nr,
				 uint64_t steps)
{
	uint64_t hot = oracle_hot_pages(order, nr);
	uint64_t hot_steps = steps;

	if (hot < nr)
		hot_steps = oracle_hot_steps(order, steps);
	return hot_steps >= hot && steps - hot_steps >= nr - hot;
}

/**
 * oracle_log_valid() - may the functions below be called on this log?
 * @o: valid parameters.
 * @log: possibly hostile.
 * @steps: of the vCPU.
 */
static inline bool oracle_log_valid(const struct oracle *o, uint32_t vcpu,
				    const struct oracle_log *log,
				    uint64_t steps)
{
	uint64_t nr = oracle_slice(o, vcpu).nr_pages, n, end;

	if (log->first > log->nr || log->nr - log->first >= ORACLE_LOG_ENTRIES)
		return false;
	for (n = log->first; n <= log->nr; n++) {
		end = n < log->nr ? oracle_log_steps(log, n + 1) : steps;
		if (oracle_log_order(log, n) >= o->nr_orders ||
		    oracle_log_steps(log, n) > end)
			return false;
		if (n && n == log->first &&
		    !oracle_covers(&o->order[oracle_log_order(log, n)], nr,
				   end - oracle_log_steps(log, n)))
			return false;
	}
	return true;
}

/* ---- order: step <-> page ---------------------------------------------- */

/* Passes over some pages, one permutation after another. */
struct oracle_lane {
	uint64_t nr; /* pages; 0 = there is no such lane */
	uint64_t first; /* index of the first one */
	uint64_t pos; /* steps done in this pass */
	uint64_t pass; /* its number in the epoch: base + passes done */
	struct oracle_perm perm; /* of this pass */
};

/* A place between two steps of a vCPU. */
struct oracle_cursor {
	uint64_t base; /* steps before this stretch */
	uint32_t vcpu;
	uint32_t order;
	uint32_t hot_pct; /* with a cold lane: steps that go to the hot one */
	uint32_t hot_sum; /* of hot_pct over the steps, modulo 100 */
	struct oracle_lane hot; /* all pages, unless there is a cold lane */
	struct oracle_lane cold;
};

static inline void oracle_lane_seek(struct oracle_lane *l,
				    const struct oracle_cursor *c,
				    const struct oracle *o, uint64_t first,
				    uint64_t nr, uint64_t steps)
{
	*l = (struct oracle_lane){ .nr = nr, .first = first };
	if (!nr)
		return;
	l->pos = steps % nr;
	l->pass = c->base + steps / nr;
	oracle_perm_init(&l->perm, o, &o->order[c->order], c->vcpu, nr, l->pass,
			 l == &c->cold);
}

/* Stand behind @steps steps of stretch @stretch. The slice must not be empty. */
static __attribute__((noinline, unused)) void
oracle_cursor_seek_in(struct oracle_cursor *c, const struct oracle *o,
		      uint32_t vcpu, const struct oracle_log *log,
		      uint64_t stretch, uint64_t steps)
{
	struct oracle_slice s = oracle_slice(o, vcpu);
	const struct oracle_order *order;
	uint64_t hot, hot_steps = steps;

	c->vcpu = vcpu;
	c->base = log ? oracle_log_steps(log, stretch) : 0;
	c->order = log ? oracle_log_order(log, stretch) : 0;
	order = &o->order[c->order];
	hot = oracle_hot_pages(order, s.nr_pages);
	if (hot < s.nr_pages)
		hot_steps = oracle_hot_steps(order, steps);
	c->hot_pct = order->hot_steps_pct;
	c->hot_sum = (uint32_t)(steps * order->hot_steps_pct % 100);
	oracle_lane_seek(&c->hot, c, o, s.first, hot, hot_steps);
	oracle_lane_seek(&c->cold, c, o, s.first + hot, s.nr_pages - hot,
			 steps - hot_steps);
}

/**
 * oracle_cursor_seek() - stand behind @steps completed steps.
 * @log: the vCPU's changes of order; NULL = none.
 *
 * The slice must not be empty.
 */
static inline void oracle_cursor_seek(struct oracle_cursor *c,
				      const struct oracle *o, uint32_t vcpu,
				      const struct oracle_log *log,
				      uint64_t steps)
{
	uint64_t stretch = log ? log->nr : 0;
	uint64_t base = log ? oracle_log_steps(log, stretch) : 0;

	oracle_cursor_seek_in(c, o, vcpu, log, stretch, steps - base);
}

static inline uint64_t oracle_lane_next(struct oracle_lane *l,
					const struct oracle_cursor *c,
					const struct oracle *o,
					uint64_t *ret_visit)
{
	if (__builtin_expect(l->pos == l->nr, 0)) {
		l->pos = 0;
		l->pass++;
		oracle_perm_init(&l->perm, o, &o->order[c->order], c->vcpu,
				 l->nr, l->pass, l == &c->cold);
	}
	*ret_visit = l->pass + 1;
	return l->first + oracle_perm_apply(&l->perm, l->pos++);
}

/* oracle_cursor_next() where there is no cold lane. */
static inline uint64_t oracle_cursor_next_hot(struct oracle_cursor *c,
					      const struct oracle *o,
					      uint64_t *ret_visit)
{
	return oracle_lane_next(&c->hot, c, o, ret_visit);
}

/**
 * oracle_cursor_next() - the page that the next step writes; go past it.
 * @ret_visit: the visit that this step is.
 *
 * Return: the page's index in the working set.
 */
static inline uint64_t oracle_cursor_next(struct oracle_cursor *c,
					  const struct oracle *o,
					  uint64_t *ret_visit)
{
	if (!c->cold.nr)
		return oracle_cursor_next_hot(c, o, ret_visit);
	c->hot_sum += c->hot_pct;
	if (c->hot_sum < 100)
		return oracle_lane_next(&c->cold, c, o, ret_visit);
	c->hot_sum -= 100;
	return oracle_lane_next(&c->hot, c, o, ret_visit);
}

/* Last visit of page @index in the cursor's stretch; its base = none. */
static inline uint64_t oracle_cursor_visit(const struct oracle_cursor *c,
					   uint64_t index)
{
	const struct oracle_lane *l = &c->hot;

	if (index - l->first >= l->nr)
		l = &c->cold;
	return l->pass +
	       (oracle_perm_invert(&l->perm, index - l->first) < l->pos);
}

/* Looks back from a step counter: the verifier's view. */
struct oracle_history {
	const struct oracle *o;
	const struct oracle_log *log; /* NULL = no changes */
	struct oracle_cursor now;
};

/* The slice must not be empty; @o and @log must outlive @h. */
static inline void oracle_history_init(struct oracle_history *h,
				       const struct oracle *o, uint32_t vcpu,
				       const struct oracle_log *log,
				       uint64_t steps)
{
	*h = (struct oracle_history){ .o = o, .log = log };
	oracle_cursor_seek(&h->now, o, vcpu, log, steps);
}

/**
 * oracle_log_visit() - last visit of a page before a stretch.
 * @stretch: 0..log->nr; only those before it are looked at.
 *
 * Return: 0 = only filled.
 */
static __attribute__((noinline, unused)) uint64_t
oracle_log_visit(const struct oracle *o, uint32_t vcpu,
		 const struct oracle_log *log, uint64_t stretch, uint64_t index)
{
	struct oracle_cursor c = { .vcpu = vcpu };
	uint64_t visit, begin, end;

	while (stretch-- > log->first) {
		begin = oracle_log_steps(log, stretch);
		end = oracle_log_steps(log, stretch + 1);
		if (begin == end)
			continue;
		oracle_cursor_seek_in(&c, o, vcpu, log, stretch, end - begin);
		visit = oracle_cursor_visit(&c, index);
		if (visit > begin)
			return visit;
	}
	return 0;
}

/* Last visit of page @index (of this vCPU's slice); 0 = only filled. */
static inline uint64_t oracle_history_visit(const struct oracle_history *h,
					    uint64_t index)
{
	uint64_t visit = oracle_cursor_visit(&h->now, index);

	if (visit > h->now.base || !h->log)
		return visit;
	return oracle_log_visit(h->o, h->now.vcpu, h->log, h->log->nr, index);
}

/*
 * The visit before visit @visit of page @index, which must be one of its
 * visits since the log's last change, and not 0.
 */
static inline uint64_t oracle_visit_before(const struct oracle *o,
					   uint32_t vcpu,
					   const struct oracle_log *log,
					   uint64_t index, uint64_t visit)
{
	if (!log || visit - 1 > oracle_log_steps(log, log->nr))
		return visit - 1;
	return oracle_log_visit(o, vcpu, log, log->nr, index);
}

/* The visit before the last one of page @index; 0 where there is none. */
static inline uint64_t oracle_history_before(const struct oracle_history *h,
					     uint64_t index)
{
	uint64_t visit = oracle_history_visit(h, index);

	/* In an older stretch the one before it is only a number less: the
	 * stretch before that is not worth the search. */
	if (visit <= h->now.base || !h->log)
		return visit ? visit - 1 : 0;
	return oracle_visit_before(h->o, h->now.vcpu, h->log, index, visit);
}

/* The page that the next step writes: the one in flight.
 * @ret_visit: what it will hold then. */
static inline uint64_t oracle_history_next(const struct oracle_history *h,
					   uint64_t *ret_visit)
{
	struct oracle_cursor c = h->now;

	return oracle_cursor_next(&c, h->o, ret_visit);
}

#endif
