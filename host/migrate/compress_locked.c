/* SPDX-License-Identifier: MIT */
/*
 * The engine "locked": how compressing threads were done before.
 *
 * As QEMU 7.2 has it (migration/ram.c): to hand over a request, the submitter
 * holds the global lock, takes the first worker that is done, empties its
 * result, then takes the worker's own lock and signals its condition. A worker
 * that is done takes the global lock to say so, and signals. Nobody looks
 * before sleeping, and no worker has a second request while it works.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "migrate/compress_priv.h"

struct locked_worker {
	pthread_mutex_t lock; /* for these */
	pthread_cond_t begin;
	bool asleep;
	bool has_request;
	bool quit;
	struct request request;
	/* The global lock's. */
	bool done; /* has no request, or is through with it */
	bool has_result;
	struct compress_result result;
};

struct locked {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool waiting; /* the submitter does */
	/* The submitter's alone: finished, to be collected. */
	struct compress_result *ready;
	unsigned int nr_ready;
	struct locked_worker worker[COMPRESS_MAX_THREADS];
};

/* @waited_ns may be NULL. */
static void take_lock(pthread_mutex_t *lock, tally *futex_calls,
		      tally *waited_ns)
{
	uint64_t begin_ns;

	if (!pthread_mutex_trylock(lock))
		return;
	begin_ns = clock_now_ns();
	tally_add(futex_calls, 1);
	pthread_mutex_lock(lock);
	tally_add(waited_ns, clock_now_ns() - begin_ns);
}

static void wait_for(pthread_cond_t *cond, pthread_mutex_t *lock, bool *asleep,
		     tally *futex_calls, tally *waited_ns)
{
	uint64_t begin_ns = clock_now_ns();

	*asleep = true;
	tally_add(futex_calls, 1);
	pthread_cond_wait(cond, lock);
	*asleep = false;
	tally_add(waited_ns, clock_now_ns() - begin_ns);
}

static void wake(pthread_cond_t *cond, bool asleep, tally *futex_calls)
{
	if (asleep)
		tally_add(futex_calls, 1);
	pthread_cond_signal(cond);
}

static int locked_init(struct compress *c)
{
	struct locked *l = calloc(1, sizeof(*l));
	unsigned int i;

	if (!l)
		return -ENOMEM;
	l->ready = calloc(c->max_under_way, sizeof(*l->ready));
	if (!l->ready) {
		free(l);
		return -ENOMEM;
	}
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->done, NULL);
	for (i = 0; i < c->p.nr_threads; i++) {
		pthread_mutex_init(&l->worker[i].lock, NULL);
		pthread_cond_init(&l->worker[i].begin, NULL);
		l->worker[i].done = true;
	}
	c->own = l;
	return 0;
}

static void locked_exit(struct compress *c)
{
	struct locked *l = c->own;
	unsigned int i;

	for (i = 0; i < c->p.nr_threads; i++) {
		pthread_cond_destroy(&l->worker[i].begin);
		pthread_mutex_destroy(&l->worker[i].lock);
	}
	pthread_cond_destroy(&l->done);
	pthread_mutex_destroy(&l->lock);
	free(l->ready);
	free(l);
	c->own = NULL;
}

static void locked_quit(struct compress *c)
{
	struct locked *l = c->own;
	unsigned int i;

	for (i = 0; i < c->p.nr_threads; i++) {
		struct locked_worker *own = &l->worker[i];

		pthread_mutex_lock(&own->lock);
		own->quit = true;
		pthread_cond_signal(&own->begin);
		pthread_mutex_unlock(&own->lock);
	}
}

static void work(struct worker *w, struct locked *l, struct locked_worker *own)
{
	struct request request = own->request;
	struct compress_result result;

	own->has_request = false;
	pthread_mutex_unlock(&own->lock);
	worker_serve(w, &request, &result);
	take_lock(&l->lock, &w->futex_calls, &w->blocked_ns);
	own->result = result;
	own->has_result = true;
	own->done = true;
	wake(&l->done, l->waiting, &w->futex_calls);
	pthread_mutex_unlock(&l->lock);
	take_lock(&own->lock, &w->futex_calls, &w->blocked_ns);
}

static void locked_run(struct worker *w)
{
	struct locked *l = w->c->own;
	struct locked_worker *own = &l->worker[w->index];

	pthread_mutex_lock(&own->lock);
	while (!own->quit)
		if (own->has_request)
			work(w, l, own);
		else
			wait_for(&own->begin, &own->lock, &own->asleep,
				 &w->futex_calls, &w->idle_ns);
	pthread_mutex_unlock(&own->lock);
}

/* The global lock is held. */
static void harvest(struct compress *c, struct locked *l,
		    struct locked_worker *own)
{
	if (!own->has_result)
		return;
	assert(l->nr_ready < c->max_under_way);
	l->ready[l->nr_ready++] = own->result;
	own->has_result = false;
}

static void hand_over(struct compress *c, struct locked_worker *own,
		      const struct request *request)
{
	take_lock(&own->lock, &c->futex_calls, &c->wait_ns);
	own->request = *request;
	own->has_request = true;
	wake(&own->begin, own->asleep, &c->futex_calls);
	pthread_mutex_unlock(&own->lock);
}

static struct locked_worker *find_done(struct compress *c, struct locked *l)
{
	unsigned int i;

	for (i = 0; i < c->p.nr_threads; i++)
		if (l->worker[i].done)
			return &l->worker[i];
	return NULL;
}

static int locked_submit(struct compress *c, const struct request *request)
{
	struct locked *l = c->own;
	struct locked_worker *own;

	take_lock(&l->lock, &c->futex_calls, &c->wait_ns);
	while (!(own = find_done(c, l)) && c->p.wait)
		wait_for(&l->done, &l->lock, &l->waiting, &c->futex_calls,
			 &c->wait_ns);
	if (own) {
		harvest(c, l, own);
		own->done = false;
		hand_over(c, own, request);
	}
	pthread_mutex_unlock(&l->lock);
	return own ? 0 : -EBUSY;
}

/* All of them, in order, as at the end of a round. */
static void flush(struct compress *c, struct locked *l)
{
	unsigned int i;

	take_lock(&l->lock, &c->futex_calls, &c->wait_ns);
	for (i = 0; i < c->p.nr_threads; i++) {
		while (!l->worker[i].done)
			wait_for(&l->done, &l->lock, &l->waiting,
				 &c->futex_calls, &c->wait_ns);
		harvest(c, l, &l->worker[i]);
	}
	pthread_mutex_unlock(&l->lock);
}

static bool locked_collect(struct compress *c, struct compress_result *ret,
			   bool wait)
{
	struct locked *l = c->own;

	if (!l->nr_ready && wait)
		flush(c, l);
	if (!l->nr_ready)
		return false;
	*ret = l->ready[--l->nr_ready];
	return true;
}

const struct compress_engine_ops compress_locked_ops = {
	.init = locked_init,
	.exit = locked_exit,
	.run = locked_run,
	.quit = locked_quit,
	.submit = locked_submit,
	.collect = locked_collect,
};
