/* SPDX-License-Identifier: MIT */
/* The doors: at once, or in the background. */
#include "prealloc/prealloc.h"

#include <string.h>
#include <sys/mman.h>

#include "base/compat.h"
#include "base/procfile.h"
#include "prealloc/job.h"

const char *const prealloc_method_names[] = { "serial",	  "split", "even",
					      "populate", "best",  NULL };

bool prealloc_can_populate(void)
{
	/* Of nothing: the kernel looks at the advice first. */
	return !madvise(NULL, 0, MADV_POPULATE_WRITE);
}

unsigned int prealloc_auto_threads(unsigned int nr_vcpus)
{
	char groups[4096];
	unsigned int nr, quota;
	struct cpus cpus;

	cpus_read(&cpus);
	nr = (unsigned int)CPU_COUNT(&cpus.allowed);
	procfile_read("/proc/self/cgroup", groups, sizeof(groups));
	quota = cpus_quota(groups, "/sys/fs/cgroup");
	if (quota && quota < nr)
		nr = quota;
	if (nr_vcpus && nr_vcpus < nr)
		nr = nr_vcpus;
	if (nr > PREALLOC_AUTO_THREADS)
		nr = PREALLOC_AUTO_THREADS;
	return nr ? nr : 1;
}

int prealloc_run(const struct prealloc_config *config,
		 const struct prealloc_range *range,
		 struct prealloc_result *ret, struct error *err)
{
	struct prealloc_job *job;
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = job_create(config, range, false, &job, err);
	if (rc)
		return rc;
	rc = job_begin(job, err);
	job_join(job);
	if (!rc)
		rc = job_result(job, ret, err);
	job_destroy(job);
	return rc;
}

int prealloc_start(const struct prealloc_config *config,
		   const struct prealloc_range *range,
		   struct prealloc_job **ret_job, struct error *err)
{
	struct prealloc_job *job;
	int rc = job_create(config, range, true, &job, err);

	if (rc)
		return rc;
	rc = job_begin(job, err);
	if (rc) {
		job_join(job);
		job_destroy(job);
		return rc;
	}
	*ret_job = job;
	return 0;
}

void prealloc_poll(const struct prealloc_job *job,
		   struct prealloc_progress *ret)
{
	/* In this order: with done the sum is the last one. */
	ret->done = !atomic_load(&job->nr_at_work);
	ret->failed = atomic_load(&job->failed);
	ret->mapped_bytes =
		atomic_load(&job->mapped_pages) * job->range.page_bytes;
}

void prealloc_stop(struct prealloc_job *job)
{
	job_stop(job);
}

int prealloc_finish(struct prealloc_job *job, struct prealloc_result *ret,
		    struct error *err)
{
	int rc;

	memset(ret, 0, sizeof(*ret));
	job_join(job);
	rc = job_result(job, ret, err);
	job_destroy(job);
	return rc;
}
