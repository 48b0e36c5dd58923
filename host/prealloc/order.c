/* SPDX-License-Identifier: MIT */
/* In which order memory is had in the background, while somebody fills it. */
#include "prealloc/job.h"

static bool is_theirs(const struct prealloc_job *job, uint64_t chunk)
{
	uint64_t bytes = job->chunk_pages * job->range.page_bytes;
	uint64_t first = chunk * bytes;

	return first < job->avoid_end && first + bytes > job->avoid;
}

/* Is it theirs now? Then it is had later. */
static bool put_off(struct prealloc_job *job, uint64_t chunk)
{
	bool theirs;

	pthread_mutex_lock(&job->lock);
	theirs = is_theirs(job, chunk);
	if (theirs)
		job->late[job->nr_late++] = chunk;
	pthread_mutex_unlock(&job->lock);
	return theirs;
}

/* Lock held. One that they have left; false: all are still theirs. */
static bool take_late(struct prealloc_job *job, uint64_t *ret_chunk)
{
	size_t i;

	for (i = 0; i < job->nr_late; i++)
		if (!is_theirs(job, job->late[i])) {
			*ret_chunk = job->late[i];
			job->late[i] = job->late[--job->nr_late];
			return true;
		}
	return false;
}

static bool await_late(struct prealloc_job *job, uint64_t *ret_chunk)
{
	bool got = false;

	pthread_mutex_lock(&job->lock);
	while (job->nr_late && !atomic_load(&job->stop)) {
		got = take_late(job, ret_chunk);
		if (got)
			break;
		pthread_cond_wait(&job->moved, &job->lock);
	}
	pthread_mutex_unlock(&job->lock);
	return got;
}

bool job_next_behind(struct prealloc_job *job, uint64_t *ret_chunk)
{
	struct job_share *share = &job->share[0];
	uint64_t nr, chunk;

	while (!atomic_load(&job->stop)) {
		nr = atomic_fetch_add(&share->next, 1);
		if (nr >= share->nr_chunks)
			return await_late(job, ret_chunk);
		chunk = share->nr_chunks - 1 - nr;
		if (put_off(job, chunk))
			continue;
		*ret_chunk = chunk;
		return true;
	}
	return false;
}

void prealloc_reached(struct prealloc_job *job, uint64_t offset)
{
	pthread_mutex_lock(&job->lock);
	if (!job->passed && offset >= job->reached) {
		job->reached = offset;
		job->avoid = offset > JOB_BEHIND_BYTES
				     ? offset - JOB_BEHIND_BYTES
				     : 0;
		job->avoid_end = offset + JOB_AHEAD_BYTES;
		pthread_cond_broadcast(&job->moved);
	}
	pthread_mutex_unlock(&job->lock);
}

void prealloc_passed(struct prealloc_job *job)
{
	pthread_mutex_lock(&job->lock);
	job->passed = true;
	job->avoid = job->avoid_end = 0;
	pthread_cond_broadcast(&job->moved);
	pthread_mutex_unlock(&job->lock);
}
