/* SPDX-License-Identifier: MIT */
/*
 * The engine "ring": requests through a ring for each worker, results through
 * one for all.
 *
 * What costs is not to hand over a request but to sleep and to wake. So the
 * submitter, once no worker has room, sleeps until most of what is under way
 * is done and not until the next place is free: it then fills all rings at
 * once, while each worker still has something to do. And no more workers are
 * woken than there are CPUs: those that are awake are fed first, the one with
 * the least to do before the others, and never run dry; those that sleep would
 * only take turns with them.
 *
 * Sleeping, in both directions: see rings.h for who must see whom. A word that
 * is 1 means "asleep, or about to be". Who sets it back to 0 by an exchange,
 * and he alone, wakes the sleeper.
 */
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/clock.h"
#include "migrate/compress_priv.h"
#include "migrate/futex.h"
#include "migrate/spin.h"

struct ring_worker {
	struct request_ring requests;
	alignas(RING_APART) _Atomic uint32_t asleep;
	struct spin spin; /* the worker's alone */
};

struct ring {
	struct result_ring results;
	/* The submitter's sleep. */
	alignas(RING_APART) _Atomic uint32_t asleep;
	_Atomic uint32_t wake_at; /* results */
	_Atomic bool wants_room; /* a worker without requests is news */
	_Atomic bool quit;
	/* The submitter's alone. */
	alignas(RING_APART) uint32_t submitted;
	unsigned int last; /* worker that got a request */
	struct spin spin;
	struct ring_worker worker[COMPRESS_MAX_THREADS];
};

static inline void relax(void)
{
	__builtin_ia32_pause();
}

/* The sleeper's own exchange may come between: then nobody is woken. */
static void wake(_Atomic uint32_t *asleep, tally *futex_calls)
{
	/* Release: what is written before is seen by who wakes up. */
	if (!atomic_exchange_explicit(asleep, 0, memory_order_acq_rel))
		return;
	tally_add(futex_calls, 1);
	futex_wake_one(asleep);
}

static void doze(_Atomic uint32_t *asleep, tally *futex_calls)
{
	while (atomic_load_explicit(asleep, memory_order_acquire)) {
		tally_add(futex_calls, 1);
		futex_wait(asleep, 1);
	}
}

/* ---- the workers --------------------------------------------------------- */

static bool has_requests(struct ring *r, struct ring_worker *own)
{
	return !request_ring_empty(&own->requests) ||
	       atomic_load_explicit(&r->quit, memory_order_seq_cst);
}

static bool spin_for_requests(struct worker *w, struct ring *r,
			      struct ring_worker *own, uint64_t begin_ns)
{
	bool found = false;

	if (!spin_begin(&own->spin, w->c->p.spin_ns))
		return false;
	while (!found && clock_now_ns() - begin_ns < w->c->p.spin_ns) {
		relax();
		found = has_requests(r, own);
	}
	spin_end(&own->spin, !found);
	return found;
}

static void sleep_for_requests(struct worker *w, struct ring *r,
			       struct ring_worker *own)
{
	/* seq_cst: said before the last look, as rings.h has it; and before
	 * the look at the submitter, who says "asleep" before it looks for
	 * workers with room. */
	atomic_store_explicit(&own->asleep, 1, memory_order_seq_cst);
	if (has_requests(r, own)) {
		atomic_store_explicit(&own->asleep, 0, memory_order_relaxed);
		return;
	}
	if (atomic_load_explicit(&r->asleep, memory_order_seq_cst) &&
	    atomic_load_explicit(&r->wants_room, memory_order_relaxed))
		wake(&r->asleep, &w->futex_calls);
	doze(&own->asleep, &w->futex_calls);
}

static void idle(struct worker *w, struct ring *r, struct ring_worker *own)
{
	uint64_t begin_ns = clock_now_ns();

	if (!spin_for_requests(w, r, own, begin_ns))
		sleep_for_requests(w, r, own);
	tally_add(&w->idle_ns, clock_now_ns() - begin_ns);
}

static void answer(struct worker *w, struct ring *r,
		   const struct compress_result *result)
{
	uint32_t nr = result_ring_put(&r->results, result);

	/* wake_at was written before asleep was set, and at worst is a newer
	 * one: the submitter looks for itself. */
	if (atomic_load_explicit(&r->asleep, memory_order_seq_cst) &&
	    (int32_t)(nr - atomic_load_explicit(&r->wake_at,
						memory_order_relaxed)) >= 0)
		wake(&r->asleep, &w->futex_calls);
}

static void ring_run(struct worker *w)
{
	struct ring *r = w->c->own;
	struct ring_worker *own = &r->worker[w->index];
	struct compress_result result;
	struct request request;

	while (!atomic_load_explicit(&r->quit, memory_order_relaxed)) {
		if (!request_ring_take(&own->requests, &request)) {
			idle(w, r, own);
			continue;
		}
		worker_serve(w, &request, &result);
		answer(w, r, &result);
	}
}

static void ring_quit(struct compress *c)
{
	struct ring *r = c->own;
	unsigned int i;

	atomic_store_explicit(&r->quit, true, memory_order_seq_cst);
	for (i = 0; i < c->p.nr_threads; i++)
		wake(&r->worker[i].asleep, &c->futex_calls);
}

/* ---- the submitter ------------------------------------------------------- */

static bool is_asleep(struct ring_worker *own)
{
	/* seq_cst for the look after the submitter has said that it sleeps. */
	return atomic_load_explicit(&own->asleep, memory_order_seq_cst);
}

static struct ring_worker *find_awake(struct compress *c, struct ring *r)
{
	struct ring_worker *sleeper = NULL, *best = NULL;
	uint32_t least = c->p.capacity; /* so many are too many */
	unsigned int i, nr_awake = 0;

	for (i = 0; i < c->p.nr_threads && nr_awake < c->p.max_awake; i++) {
		struct ring_worker *own = &r->worker[i];
		uint32_t nr;

		if (is_asleep(own)) {
			/* It is not always empty: one that is about to sleep
			 * may not have seen what came meanwhile. */
			if (!sleeper && request_ring_has_room(&own->requests))
				sleeper = own;
			continue;
		}
		nr_awake++;
		nr = request_ring_count(&own->requests);
		if (nr < least) {
			least = nr;
			best = own;
		}
	}
	/* Before one has all and another one sleeps. */
	if (best && least <= c->p.capacity / 2)
		return best;
	if (sleeper && nr_awake < c->p.max_awake)
		return sleeper;
	return best;
}

static struct ring_worker *find_any(struct compress *c, struct ring *r,
				    unsigned int from)
{
	unsigned int i;

	for (i = 0; i < c->p.nr_threads; i++) {
		unsigned int at = (from + i) % c->p.nr_threads;

		if (request_ring_has_room(&r->worker[at].requests)) {
			r->last = at;
			return &r->worker[at];
		}
	}
	return NULL;
}

static struct ring_worker *find_room(struct compress *c, struct ring *r)
{
	switch (c->p.scan) {
	case COMPRESS_SCAN_FIRST:
		return find_any(c, r, 0);
	case COMPRESS_SCAN_ROBIN:
		return find_any(c, r, r->last + 1);
	default:
		return find_awake(c, r);
	}
}

static bool arrived(struct ring *r, uint32_t nr)
{
	return (int32_t)(result_ring_tickets(&r->results) - nr) >= 0;
}

static bool spin_for_results(struct compress *c, struct ring *r, uint32_t nr,
			     uint64_t begin_ns)
{
	bool found = false;

	if (!spin_begin(&r->spin, c->p.spin_ns))
		return false;
	while (!found && clock_now_ns() - begin_ns < c->p.spin_ns) {
		relax();
		found = arrived(r, nr);
	}
	spin_end(&r->spin, !found);
	return found;
}

/* Until there were @nr results, or, if @wants_room, a worker has none left. */
static void wait_for_results(struct compress *c, struct ring *r, uint32_t nr,
			     bool wants_room)
{
	uint64_t begin_ns = clock_now_ns();

	if (!spin_for_results(c, r, nr, begin_ns)) {
		atomic_store_explicit(&r->wake_at, nr, memory_order_relaxed);
		atomic_store_explicit(&r->wants_room, wants_room,
				      memory_order_relaxed);
		atomic_store_explicit(&r->asleep, 1, memory_order_seq_cst);
		if (arrived(r, nr) || (wants_room && find_room(c, r)))
			atomic_store_explicit(&r->asleep, 0,
					      memory_order_relaxed);
		else
			doze(&r->asleep, &c->futex_calls);
	}
	tally_add(&c->wait_ns, clock_now_ns() - begin_ns);
}

/*
 * All rings are full. When the submitter comes back each worker that is awake
 * should still be at a request, and a quarter of its ring waiting, one of all
 * rings at least: with fewer some worker may run dry meanwhile, with more the
 * submitter sleeps for less work, and each sleep costs a fixed price.
 */
static void wait_for_room(struct compress *c, struct ring *r)
{
	uint32_t rest = c->p.max_awake * c->p.capacity / 4;
	uint32_t nr = r->submitted - c->p.max_awake - (rest ? rest : 1);
	uint32_t next = result_ring_tickets(&r->results) + 1;

	wait_for_results(c, r, (int32_t)(nr - next) > 0 ? nr : next, true);
}

static int ring_submit(struct compress *c, const struct request *request)
{
	struct ring *r = c->own;
	struct ring_worker *own;

	while (!(own = find_room(c, r))) {
		if (!c->p.wait)
			return -EBUSY;
		wait_for_room(c, r);
	}
	/* Else one request would be lost, and another one served twice. */
	assert(request_ring_has_room(&own->requests));
	request_ring_put(&own->requests, request);
	r->submitted++;
	if (is_asleep(own))
		wake(&own->asleep, &c->futex_calls);
	return 0;
}

static bool ring_has_room(struct compress *c)
{
	return find_room(c, c->own);
}

/* Half of what is under way, at least one: what is collected can be sent
 * while the other half is worked on. */
static void wait_for_some(struct compress *c, struct ring *r)
{
	uint32_t left = r->submitted - r->results.head;

	wait_for_results(c, r, r->results.head + (left + 1) / 2, false);
}

static bool ring_collect(struct compress *c, struct compress_result *ret,
			 bool wait)
{
	struct ring *r = c->own;

	if (result_ring_take(&r->results, ret))
		return true;
	if (!arrived(r, r->results.head + 1)) {
		if (!wait)
			return false;
		wait_for_some(c, r);
	}
	/* Its producer has its place and is about to write into it. */
	while (!result_ring_take(&r->results, ret))
		sched_yield();
	return true;
}

/* ---- both come and go ---------------------------------------------------- */

static void ring_exit(struct compress *c)
{
	struct ring *r = c->own;
	unsigned int i;

	for (i = 0; i < c->p.nr_threads; i++)
		request_ring_exit(&r->worker[i].requests);
	result_ring_exit(&r->results);
	free(r);
	c->own = NULL;
}

static unsigned int power_of_two(unsigned int at_least)
{
	unsigned int n = 1;

	while (n < at_least)
		n *= 2;
	return n;
}

static int ring_init(struct compress *c)
{
	struct ring *r = aligned_alloc(RING_APART, sizeof(*r));
	unsigned int i;
	int rc;

	if (!r)
		return -ENOMEM;
	memset(r, 0, sizeof(*r));
	c->own = r;
	rc = result_ring_init(&r->results, power_of_two(c->max_under_way));
	for (i = 0; !rc && i < c->p.nr_threads; i++) {
		/* So that the first request wakes it, if it is there by then. */
		atomic_store_explicit(&r->worker[i].asleep, 1,
				      memory_order_relaxed);
		rc = request_ring_init(&r->worker[i].requests, c->p.capacity);
	}
	if (rc)
		ring_exit(c);
	return rc;
}

const struct compress_engine_ops compress_ring_ops = {
	.init = ring_init,
	.exit = ring_exit,
	.run = ring_run,
	.quit = ring_quit,
	.has_room = ring_has_room,
	.submit = ring_submit,
	.collect = ring_collect,
};
