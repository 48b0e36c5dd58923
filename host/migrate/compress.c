/* SPDX-License-Identifier: MIT */
/* Workers come and go; buffers; what the submitter calls. See compress.h. */
#include "migrate/compress.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "migrate/compress_priv.h"

const char *const compress_engine_names[] = { "ring", "locked", NULL };
const char *const compress_scan_names[] = { "awake", "first", "robin", NULL };

/* Spinning pays if it is shorter than to sleep and to be woken: some
 * microseconds for each. */
#define SPIN_NS (20 * NSEC_PER_USEC)

static unsigned int count_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}

static int check_params(const struct compress_params *p, struct error *err)
{
	const struct codec *codec = p->codec;

	if (!p->nr_threads || p->nr_threads > COMPRESS_MAX_THREADS)
		return error_set(err, -EINVAL,
				 "compression wants 1 to %u threads, not %u",
				 COMPRESS_MAX_THREADS, p->nr_threads);
	if (!p->max_pages || p->max_pages > COMPRESS_MAX_PAGES)
		return error_set(err, -EINVAL,
				 "1 to %u pages are compressed at once, not %u",
				 COMPRESS_MAX_PAGES, p->max_pages);
	if (p->direction == CODEC_COMPRESS &&
	    (p->level < codec->level_min || p->level > codec->level_max))
		return error_set(err, -EINVAL, "%s has levels %d to %d, not %d",
				 codec->name, codec->level_min,
				 codec->level_max, p->level);
	if (p->capacity && (!ring_capacity_valid(p->capacity) ||
			    p->capacity > COMPRESS_MAX_CAPACITY))
		return error_set(err, -EINVAL,
				 "a ring has 2^n places up to %u, not %u",
				 COMPRESS_MAX_CAPACITY, p->capacity);
	if (p->max_held > COMPRESS_MAX_HELD ||
	    p->engine >= COMPRESS_NR_ENGINES || p->scan >= COMPRESS_NR_SCANS)
		return error_set(err, -EINVAL,
				 "parameters of compression out of range");
	return 0;
}

unsigned int compress_capacity(unsigned int max_pages)
{
	unsigned int n = COMPRESS_DEFAULT_CAPACITY;

	while (n < COMPRESS_DEFAULT_MOST &&
	       n * max_pages < COMPRESS_DEFAULT_CAPACITY * COMPRESS_MAX_PAGES)
		n *= 2;
	return n;
}

static void fill_in(struct compress *c)
{
	struct compress_params *p = &c->p;

	c->nr_cpus = count_cpus();
	if (!p->capacity)
		p->capacity = compress_capacity(p->max_pages);
	if (p->spin_ns == COMPRESS_SPIN_AUTO)
		p->spin_ns = p->nr_threads < c->nr_cpus ? SPIN_NS : 0;
	if (!p->max_awake)
		p->max_awake = c->nr_cpus;
	if (p->max_awake > p->nr_threads)
		p->max_awake = p->nr_threads;
	c->max_under_way = p->nr_threads * (p->capacity + 1) + 1;
}

static int make_buffers(struct compress *c)
{
	unsigned int i;
	void *at;

	if (c->p.direction == CODEC_DECOMPRESS)
		return 0;
	c->buffer_bytes = (size_t)c->p.max_pages * COMPRESS_PAGE_BYTES;
	c->nr_buffers = c->max_under_way + c->p.max_held;
	c->free = calloc(c->nr_buffers, sizeof(*c->free));
	if (!c->free)
		return -ENOMEM;
	/* Not from the heap: only what is used takes memory then. */
	at = mmap(NULL, c->nr_buffers * c->buffer_bytes, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	c->buffers = at;
	/* The one released last is taken first: it is in the cache. */
	for (i = 0; i < c->nr_buffers; i++)
		c->free[i] = c->nr_buffers - 1 - i;
	c->nr_free = c->nr_buffers;
	return 0;
}

static void *run(void *arg)
{
	struct worker *w = arg;

	atomic_store_explicit(&w->tid, gettid(), memory_order_relaxed);
	w->c->ops->run(w);
	return NULL;
}

static int worker_start(struct compress *c, unsigned int index)
{
	struct worker *w = &c->worker[index];
	size_t bytes = (size_t)c->p.max_pages * COMPRESS_PAGE_BYTES;
	int rc;

	w->c = c;
	w->index = index;
	rc = codec_create(c->p.codec, c->p.direction, c->p.level, bytes,
			  &w->codec);
	if (rc)
		return rc;
	w->copy = aligned_alloc(64, bytes);
	rc = w->copy ? -pthread_create(&w->thread, NULL, run, w) : -ENOMEM;
	if (rc) {
		free(w->copy);
		codec_destroy(w->codec);
	}
	return rc;
}

int compress_create(const struct compress_params *params, struct compress **ret,
		    struct error *err)
{
	struct compress *c;
	int rc = check_params(params, err);

	if (rc)
		return rc;
	c = aligned_alloc(RING_APART, sizeof(*c));
	if (!c)
		return error_set(err, -ENOMEM, "no memory to compress");
	memset(c, 0, sizeof(*c));
	c->p = *params;
	c->ops = params->engine == COMPRESS_RING ? &compress_ring_ops
						 : &compress_locked_ops;
	c->start_ns = clock_now_ns();
	fill_in(c);
	rc = make_buffers(c);
	if (!rc)
		rc = c->ops->init(c);
	for (; !rc && c->nr_started < c->p.nr_threads; c->nr_started += !rc)
		rc = worker_start(c, c->nr_started);
	if (rc) {
		compress_destroy(c);
		return error_set(err, rc, "cannot start %u threads for %s: %s",
				 params->nr_threads, params->codec->name,
				 strerror(-rc));
	}
	*ret = c;
	return 0;
}

void compress_destroy(struct compress *c)
{
	unsigned int i;

	if (!c)
		return;
	if (c->own)
		c->ops->quit(c);
	for (i = 0; i < c->nr_started; i++) {
		pthread_join(c->worker[i].thread, NULL);
		free(c->worker[i].copy);
		codec_destroy(c->worker[i].codec);
	}
	if (c->own)
		c->ops->exit(c);
	if (c->buffers)
		munmap(c->buffers, c->nr_buffers * c->buffer_bytes);
	free(c->free);
	free(c);
}

/*
 * Reading the clock twice for each call would be a good part of what the calls
 * cost: so it is read for some, and these stand for the others. What is waited
 * is timed always, and apart.
 */
#define TIMED_EVERY 16u

static uint64_t timing_begin(struct compress *c)
{
	if (c->nr_calls++ % TIMED_EVERY)
		return 0;
	c->waited_ns = tally_get(&c->wait_ns);
	return clock_now_ns();
}

static void timing_end(struct compress *c, uint64_t begin_ns, tally *to)
{
	uint64_t waited_ns;

	if (!begin_ns)
		return;
	waited_ns = tally_get(&c->wait_ns) - c->waited_ns;
	tally_add(to, (clock_now_ns() - begin_ns - waited_ns) * TIMED_EVERY);
}

static int submit(struct compress *c, const struct compress_job *job)
{
	struct request request = { .job = *job, .buffer = COMPRESS_NO_BUFFER };
	int rc;

	if (c->under_way == c->max_under_way)
		return -EAGAIN;
	if (c->p.direction == CODEC_COMPRESS) {
		if (!c->nr_free)
			return -EAGAIN;
		request.buffer = c->free[c->nr_free - 1];
	}
	rc = c->ops->submit(c, &request);
	if (rc) {
		tally_add(&c->busy_pages, job->nr_pages);
		return rc;
	}
	if (request.buffer != COMPRESS_NO_BUFFER)
		c->nr_free--;
	c->under_way++;
	tally_add(&c->submitted, 1);
	tally_add(&c->submitted_pages, job->nr_pages);
	return 0;
}

int compress_submit(struct compress *c, const struct compress_job *job)
{
	uint64_t begin_ns;
	int rc;

	if (!job->nr_pages || job->nr_pages > c->p.max_pages)
		return -EINVAL;
	begin_ns = timing_begin(c);
	rc = submit(c, job);
	timing_end(c, begin_ns, &c->scan_ns);
	return rc;
}

bool compress_busy(struct compress *c)
{
	return !c->p.wait && c->ops->has_room && !c->ops->has_room(c);
}

static void put_back(struct compress *c, unsigned int buffer)
{
	if (buffer == COMPRESS_NO_BUFFER)
		return;
	assert(buffer < c->nr_buffers && c->nr_free < c->nr_buffers);
	c->free[c->nr_free++] = buffer;
}

bool compress_collect(struct compress *c, struct compress_result *ret,
		      bool wait)
{
	struct compress_result result;
	uint64_t begin_ns;
	bool found;

	if (!c->under_way)
		return false;
	begin_ns = timing_begin(c);
	found = c->ops->collect(c, &result, wait);
	timing_end(c, begin_ns, &c->collect_ns);
	if (!found)
		return false;
	c->under_way--;
	tally_add(&c->collected, 1);
	if (!result.packed) {
		put_back(c, result.buffer);
		result.buffer = COMPRESS_NO_BUFFER;
	}
	*ret = result;
	return true;
}

void compress_release(struct compress *c, const struct compress_result *result)
{
	put_back(c, result->buffer);
}

uint64_t compress_outstanding(const struct compress *c)
{
	return c->under_way;
}
