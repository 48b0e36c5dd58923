/* SPDX-License-Identifier: MIT */
/* From a wish to threads at work, and their end. */
#include "prealloc/job.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "prealloc/division.h"

/* Below that, making a thread costs more than it saves. */
#define ALONE_BYTES (8ull << 20)
/* In a turn, at most: 64 MiB of small or 2 MiB pages. */
#define TURN_CHUNKS 32u
/* Ours need little; glibc keeps small stacks for the next time. */
#define STACK_BYTES (256u << 10)

static int check(const struct prealloc_config *c,
		 const struct prealloc_range *r, bool in_background,
		 struct error *err)
{
	bool touches = c->method <= PREALLOC_EVEN;

	if (c->method >= PREALLOC_NR_METHODS ||
	    c->nr_threads > PREALLOC_MAX_THREADS ||
	    (in_background && c->method != PREALLOC_BEST))
		return error_set(err, -EINVAL,
				 "no such way to preallocate: method %d, %u "
				 "threads",
				 (int)c->method, c->nr_threads);
	if (!r->bytes || !r->page_bytes || !r->touch_bytes ||
	    r->bytes % r->page_bytes || r->page_bytes % r->touch_bytes ||
	    (uintptr_t)r->base % r->page_bytes)
		return error_set(err, -EINVAL,
				 "the memory to preallocate is not whole "
				 "pages");
	if (c->rewrite && !touches)
		return error_set(err, -EINVAL,
				 "method %s does not read and write back",
				 prealloc_method_names[c->method]);
	if (c->method == PREALLOC_POPULATE &&
	    (c->no_populate || !prealloc_can_populate()))
		return error_set(err, -EOPNOTSUPP,
				 "this kernel has no MADV_POPULATE_WRITE "
				 "(Linux 5.14): take another method");
	return 0;
}

static unsigned int choose_threads(const struct prealloc_job *job)
{
	const struct prealloc_config *c = &job->config;
	unsigned int nr = c->nr_threads ? c->nr_threads
					: prealloc_auto_threads(c->nr_vcpus);

	if (c->method == PREALLOC_SERIAL ||
	    (c->method == PREALLOC_BEST && job->range.bytes <= ALONE_BYTES))
		return 1;
	/* A thread without a page is no use; the others are as they were. */
	if (c->method == PREALLOC_BEST && nr > job->nr_pages)
		return (unsigned int)job->nr_pages;
	return nr;
}

/* Where threads may run: on the node that was named, else on all. */
static int choose_nodes(struct prealloc_job *job, struct error *err)
{
	struct cpus *c = &job->cpus;
	unsigned int i;

	cpus_read(c);
	if (!job->config.bind)
		return 0;
	for (i = 0; i < c->nr_nodes; i++)
		if (c->node[i].id == job->config.node) {
			c->node[0] = c->node[i];
			c->nr_nodes = 1;
			return 0;
		}
	return error_set(err, -EINVAL,
			 "there is no NUMA node %u with a CPU for us",
			 job->config.node);
}

/* Contiguous parts, one a node: each is mapped by threads of that node. */
static int make_shares(struct prealloc_job *job)
{
	unsigned int i, nr = job->cpus.nr_nodes;
	struct division d;

	/* In the background the order is what counts. */
	if (job->in_background || nr > job->nr_workers)
		nr = 1;
	job->share = aligned_alloc(JOB_LINE, nr * sizeof(*job->share));
	if (!job->share)
		return -ENOMEM;
	job->nr_shares = nr;
	job->chunk_pages = division_chunk_pages(job->range.page_bytes);
	/* What is put into a file first shall be in a cache when it is mapped;
	 * and where threads are to be stopped, at the next chunk. */
	job->most_chunks =
		job->allocate || job->in_background ? 1 : TURN_CHUNKS;
	for (i = 0; i < nr; i++) {
		d = division_even(job->nr_pages, nr, i);
		atomic_init(&job->share[i].next, 0);
		job->share[i].first = d.first;
		job->share[i].end = d.first + d.nr;
		job->share[i].nr_chunks =
			(d.nr + job->chunk_pages - 1) / job->chunk_pages;
	}
	return 0;
}

static int make_room_for_late(struct prealloc_job *job)
{
	job->late = calloc(job->share[0].nr_chunks, sizeof(*job->late));
	return job->late ? 0 : -ENOMEM;
}

static int make_workers(struct prealloc_job *job)
{
	unsigned int i;

	job->worker =
		aligned_alloc(JOB_LINE, job->nr_workers * sizeof(*job->worker));
	if (!job->worker)
		return -ENOMEM;
	memset(job->worker, 0, job->nr_workers * sizeof(*job->worker));
	for (i = 0; i < job->nr_workers; i++) {
		job->worker[i].job = job;
		job->worker[i].index = i;
		job->worker[i].share = i % job->nr_shares;
	}
	return 0;
}

static bool is_tmpfs(const struct prealloc_range *range)
{
	struct statfs fs;

	return range->fd >= 0 && !fstatfs(range->fd, &fs) &&
	       fs.f_type == TMPFS_MAGIC;
}

int job_create(const struct prealloc_config *config,
	       const struct prealloc_range *range, bool in_background,
	       struct prealloc_job **ret_job, struct error *err)
{
	struct prealloc_job *job;
	int rc = check(config, range, in_background, err);

	if (rc)
		return rc;
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->config = *config;
	job->range = *range;
	job->in_background = in_background;
	job->start_ns = clock_now_ns();
	job->nr_pages = range->bytes / range->page_bytes;
	job->nr_workers = choose_threads(job);
	job->populate = config->method == PREALLOC_POPULATE ||
			(config->method == PREALLOC_BEST &&
			 !config->no_populate && prealloc_can_populate());
	job->allocate = job->populate && config->method == PREALLOC_BEST &&
			is_tmpfs(range);
	pthread_mutex_init(&job->lock, NULL);
	pthread_cond_init(&job->opened, NULL);
	pthread_cond_init(&job->moved, NULL);
	rc = choose_nodes(job, err);
	if (!rc)
		rc = make_shares(job);
	if (!rc && in_background)
		rc = make_room_for_late(job);
	if (!rc)
		rc = make_workers(job);
	if (!rc && config->bind)
		rc = cpus_bind_memory(range->base, range->bytes, config->node,
				      err);
	if (!rc && !job->populate)
		rc = sigbus_get();
	if (rc) {
		job->populate = true; /* no handler to give back */
		job_destroy(job);
		return rc;
	}
	*ret_job = job;
	return 0;
}

void job_destroy(struct prealloc_job *job)
{
	if (!job->populate)
		sigbus_put();
	pthread_cond_destroy(&job->moved);
	pthread_cond_destroy(&job->opened);
	pthread_mutex_destroy(&job->lock);
	free(job->late);
	free(job->worker);
	free(job->share);
	free(job);
}

/* Is a thread's place anything but where the scheduler puts it? */
static bool has_place(const struct prealloc_job *job)
{
	return job->config.pin || job->config.bind || job->nr_shares > 1;
}

static cpu_set_t place_of(const struct worker *w)
{
	const struct cpus *c = &w->job->cpus;
	const cpu_set_t *set = c->nr_nodes > 1 && w->job->nr_shares == 1
				       ? &c->allowed
				       : &c->node[w->share].set;

	return w->job->config.pin ? cpus_nth(set, w->index / w->job->nr_shares)
				  : *set;
}

static void *thread_main(void *arg)
{
	worker_run(arg);
	return NULL;
}

static int create_thread(struct worker *w)
{
	struct prealloc_job *job = w->job;
	pthread_attr_t attr;
	cpu_set_t place;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return -rc;
	/* The others as they were: with stacks of the usual size, whose
	 * mapping is the very thing that EVEN is about. */
	if (job->config.method == PREALLOC_BEST)
		pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (has_place(job)) {
		place = place_of(w);
		pthread_attr_setaffinity_np(&attr, sizeof(place), &place);
	}
	rc = pthread_create(&w->thread, &attr, thread_main, w);
	pthread_attr_destroy(&attr);
	return -rc;
}

static void open_gate(struct prealloc_job *job)
{
	pthread_mutex_lock(&job->lock);
	job->open = true;
	pthread_cond_broadcast(&job->opened);
	pthread_mutex_unlock(&job->lock);
}

static int create_threads(struct prealloc_job *job, struct error *err)
{
	unsigned int i;
	int rc = 0;

	for (i = job->first_thread; i < job->nr_workers && !rc; i++) {
		atomic_fetch_add(&job->nr_at_work, 1);
		rc = create_thread(&job->worker[i]);
		if (!rc)
			job->nr_created++;
	}
	job->created_ns = clock_now_ns() - job->start_ns;
	if (rc) {
		atomic_fetch_sub(&job->nr_at_work, 1);
		job_stop(job);
		error_set(err, rc, "cannot create thread %u of %u: %s", i,
			  job->nr_workers, strerror(-rc));
	}
	open_gate(job);
	return rc;
}

/* The caller as worker 0; afterwards it may run where it might before. */
static void help(struct prealloc_job *job)
{
	cpu_set_t place;

	atomic_fetch_add(&job->nr_at_work, 1);
	if (has_place(job)) {
		place = place_of(&job->worker[0]);
		sched_setaffinity(0, sizeof(place), &place);
	}
	worker_run(&job->worker[0]);
	if (has_place(job))
		sched_setaffinity(0, sizeof(job->cpus.allowed),
				  &job->cpus.allowed);
}

void job_stop(struct prealloc_job *job)
{
	pthread_mutex_lock(&job->lock);
	atomic_store(&job->stop, true);
	pthread_cond_broadcast(&job->moved);
	pthread_mutex_unlock(&job->lock);
}

int job_begin(struct prealloc_job *job, struct error *err)
{
	bool helps =
		!job->in_background && (job->config.method == PREALLOC_BEST ||
					job->config.method == PREALLOC_SERIAL);
	int rc;

	job->first_thread = helps;
	rc = create_threads(job, err);

	if (!rc && helps)
		help(job);
	return rc;
}

void job_join(struct prealloc_job *job)
{
	unsigned int i;

	for (i = 0; i < job->nr_created; i++)
		pthread_join(job->worker[job->first_thread + i].thread, NULL);
	job->nr_created = 0;
}
