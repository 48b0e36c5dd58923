/* SPDX-License-Identifier: MIT */
/* One preallocation under way: what its threads share. */
#ifndef VMFERRY_PREALLOC_JOB_H
#define VMFERRY_PREALLOC_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "prealloc/cpus.h"
#include "prealloc/prealloc.h"
#include "prealloc/sigbus.h"

#define JOB_LINE 64u /* of the CPU's cache: no two threads write one */

struct worker {
	_Alignas(JOB_LINE) struct prealloc_thread out;
	struct sigbus_trap trap;
	struct prealloc_job *job;
	pthread_t thread;
	uint64_t failed_offset;
	unsigned int index, share;
	enum prealloc_failure failure;
	int errnum; /* of MADV_POPULATE_WRITE, positive */
};

/* Pages around the place where somebody fills the range: those that come within
 * the time that a chunk takes, and those of a batch that is being received. */
#define JOB_AHEAD_BYTES (8ull << 20)
#define JOB_BEHIND_BYTES (4ull << 20)

/* BEST: chunks for the threads of one node, then for all. */
struct job_share {
	_Alignas(JOB_LINE) atomic_uint_fast64_t next; /* chunk */
	uint64_t nr_chunks, first, end; /* pages */
};

struct prealloc_job {
	struct prealloc_config config;
	struct prealloc_range range;
	uint64_t nr_pages;
	bool populate; /* else touch */
	bool allocate; /* before that: in the file, then in the mapping */
	bool in_background; /* the caller does not help */
	uint64_t start_ns, created_ns;

	struct worker *worker;
	unsigned int nr_workers;
	/* Those that have a thread: @nr_created from @first_thread on. */
	unsigned int first_thread, nr_created;

	struct cpus cpus;
	unsigned int nr_shares;
	struct job_share *share;
	uint64_t chunk_pages, most_chunks; /* that; and so many in a turn */

	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t opened;
	bool open; /* the gate */
	/* In the background: [avoid, avoid_end) bytes are somebody else's now;
	 * chunks that were, to be had later. */
	pthread_cond_t moved;
	uint64_t reached, avoid, avoid_end;
	uint64_t *late;
	size_t nr_late;
	bool passed;

	/* Written once a chunk at most: no line of its own. */
	atomic_uint_fast64_t mapped_pages; /* progress */
	atomic_uint nr_at_work;
	atomic_bool stop, failed, was_cancelled;
};

/* Checks and plans; no thread yet. 0 or -errno with a sentence. */
int job_create(const struct prealloc_config *config,
	       const struct prealloc_range *range, bool in_background,
	       struct prealloc_job **ret_job, struct error *err);
/* Does it, up to the end unless in the background. */
int job_begin(struct prealloc_job *job, struct error *err);
/* Waits for the threads; they need not have been made. */
void job_join(struct prealloc_job *job);
/* After job_join(): figures, and the sentence if a page could not be had. */
int job_result(const struct prealloc_job *job, struct prealloc_result *ret,
	       struct error *err);
void job_destroy(struct prealloc_job *job);

/* All threads shall end: wakes those that wait. */
void job_stop(struct prealloc_job *job);

/*
 * In the background, order.c: the next chunk for a thread, from the end to the
 * beginning, then those that had been left to somebody; waits until they are
 * let go. False: there is none, or it is to stop.
 */
bool job_next_behind(struct prealloc_job *job, uint64_t *ret_chunk);

/* What a thread does; also the caller's, as worker 0. */
void worker_run(struct worker *w);

#endif
