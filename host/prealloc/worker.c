/* SPDX-License-Identifier: MIT */
/* What each thread does, by method. */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "prealloc/division.h"
#include "prealloc/job.h"
#include "prealloc/touch.h"

#define BACKGROUND_NICE 10

static void wait_at_gate(struct prealloc_job *job)
{
	pthread_mutex_lock(&job->lock);
	while (!job->open)
		pthread_cond_wait(&job->opened, &job->lock);
	pthread_mutex_unlock(&job->lock);
}

static void map_pages(struct worker *w, struct division d)
{
	if (w->job->populate)
		touch_populate(w, d.first, d.nr);
	else
		touch_pages(w, d.first, d.nr);
}

/*
 * The next chunks of a share; false if there are none. Many at first, since each
 * turn has its cost; one in the end, so that all threads end together.
 */
static bool take_ahead(struct prealloc_job *job, struct job_share *share,
		       uint64_t *ret_chunk, uint64_t *ret_nr)
{
	uint64_t chunk = atomic_load(&share->next), nr;

	do {
		if (chunk >= share->nr_chunks)
			return false;
		nr = division_turn_chunks(share->nr_chunks - chunk,
					  job->nr_workers, job->most_chunks);
	} while (!atomic_compare_exchange_weak(&share->next, &chunk,
					       chunk + nr));
	*ret_chunk = chunk;
	*ret_nr = nr;
	return true;
}

static bool take(struct prealloc_job *job, struct job_share *share,
		 struct division *ret)
{
	uint64_t chunk, nr = 1;
	bool got = job->in_background ? job_next_behind(job, &chunk)
				      : take_ahead(job, share, &chunk, &nr);

	if (!got)
		return false;
	ret->first = share->first + chunk * job->chunk_pages;
	ret->nr = share->end - ret->first;
	if (ret->nr > nr * job->chunk_pages)
		ret->nr = nr * job->chunk_pages;
	return true;
}

/*
 * On tmpfs a fault that finds its page in the file is quicker by more than what
 * it takes to have it put there, a chunk at a time. Best effort: if it fails,
 * populating says why.
 */
static void allocate(const struct prealloc_job *job, struct division d)
{
	uint64_t page = job->range.page_bytes;

	if (job->allocate)
		fallocate(job->range.fd, FALLOC_FL_KEEP_SIZE,
			  (off_t)(d.first * page), (off_t)(d.nr * page));
}

/* Of the own node as long as there are any, then of the others. */
static void map_chunks(struct worker *w)
{
	struct prealloc_job *job = w->job;
	struct division d;
	unsigned int i;

	for (i = 0; i < job->nr_shares; i++)
		while (!touch_stopped(w) &&
		       take(job, &job->share[(w->share + i) % job->nr_shares],
			    &d)) {
			allocate(job, d);
			map_pages(w, d);
			atomic_fetch_add(&job->mapped_pages, d.nr);
		}
}

static void work(struct worker *w)
{
	struct prealloc_job *job = w->job;

	switch (job->config.method) {
	case PREALLOC_BEST:
		map_chunks(w);
		break;
	case PREALLOC_SPLIT:
		map_pages(w, division_split(job->nr_pages, job->nr_workers,
					    w->index));
		break;
	default:
		map_pages(w, division_even(job->nr_pages, job->nr_workers,
					   w->index));
	}
}

/* Apart, so that nothing that a jump could spoil lives across it. */
static void work_trapped(struct worker *w)
{
	bool blocked = sigbus_blocked();

	w->trap.start = (uintptr_t)w->job->range.base;
	w->trap.end = w->trap.start + w->job->range.bytes;
	if (!sigsetjmp(w->trap.where, 1)) {
		sigbus_arm(&w->trap);
		work(w);
	} else {
		touch_failed(w, w->trap.poison ? PREALLOC_POISON : PREALLOC_BUS,
			     w->trap.address - w->trap.start);
	}
	sigbus_disarm(blocked);
}

void worker_run(struct worker *w)
{
	struct prealloc_job *job = w->job;
	struct rusage before, after;
	bool gated = job->config.method == PREALLOC_EVEN ||
		     job->config.method == PREALLOC_POPULATE;

	/* Who fills the memory comes first, and so does the guest then. */
	if (job->in_background)
		setpriority(PRIO_PROCESS, (id_t)gettid(), BACKGROUND_NICE);
	if (gated)
		wait_at_gate(job);
	w->out.start_ns = clock_now_ns() - job->start_ns;
	getrusage(RUSAGE_THREAD, &before);
	if (job->populate)
		work(w);
	else
		work_trapped(w);
	getrusage(RUSAGE_THREAD, &after);
	w->out.minor_faults = (uint64_t)(after.ru_minflt - before.ru_minflt);
	w->out.major_faults = (uint64_t)(after.ru_majflt - before.ru_majflt);
	w->out.end_ns = clock_now_ns() - job->start_ns;
	atomic_fetch_sub(&job->nr_at_work, 1);
}
