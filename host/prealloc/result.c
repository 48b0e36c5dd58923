/* SPDX-License-Identifier: MIT */
/* What came of it: figures of all threads, and why a page could not be had. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/hugepages.h"
#include "base/units.h"
#include "prealloc/job.h"

#define REMEDY_BYTES 200u

static bool is_cut(const struct prealloc_range *r, uint64_t offset, char *text)
{
	struct stat st;

	if (r->fd < 0 || fstat(r->fd, &st) || (uint64_t)st.st_size > offset)
		return false;
	snprintf(text, REMEDY_BYTES,
		 "the file has been cut to %lld bytes: make it %" PRIu64
		 " again",
		 (long long)st.st_size, r->bytes);
	return true;
}

/* By what the file has, which may be more than what is mapped of it. */
static bool is_full(const struct prealloc_range *r, char *text)
{
	char size[UNITS_TEXT_BYTES];
	uint64_t has, missing;
	struct statfs fs;
	struct stat st;

	if (r->fd < 0 || r->pooled || fstat(r->fd, &st) ||
	    fstatfs(r->fd, &fs) || !fs.f_blocks)
		return false;
	has = (uint64_t)st.st_blocks * 512 + fs.f_bavail * (uint64_t)fs.f_bsize;
	missing = has < r->bytes ? r->bytes - has : 0;
	if (missing)
		snprintf(text, REMEDY_BYTES,
			 "its file system lacks %s: free some, or take another",
			 units_format_size(size, missing));
	return missing;
}

static void remedy(const struct prealloc_job *job,
		   const struct prealloc_result *ret, char *text)
{
	const struct prealloc_range *r = &job->range;
	uint64_t missing = r->bytes - ret->mapped_bytes;
	char size[UNITS_TEXT_BYTES];

	if (ret->failure == PREALLOC_POISON)
		snprintf(text, REMEDY_BYTES,
			 "the memory is broken there: see dmesg");
	else if (is_cut(r, ret->failed_offset, text) || is_full(r, text))
		return;
	else if (r->promised)
		snprintf(text, REMEDY_BYTES,
			 "the pool has them, a limit of the cgroup is in "
			 "force: raise its hugetlb.%s.max by %s",
			 r->page_bytes >> 30 ? "1GB" : "2MB",
			 units_format_size(size, missing));
	else if (r->pooled)
		hugepages_remedy(r->page_bytes, missing / r->page_bytes, text);
	else
		snprintf(text, REMEDY_BYTES,
			 "%s more must be free: less --ram, or a higher limit "
			 "(the cgroup's memory.max)",
			 units_format_size(size, missing));
}

static int explain(const struct prealloc_job *job,
		   const struct prealloc_result *ret, struct error *err)
{
	uint64_t page = job->range.page_bytes;
	const struct worker *w = &job->worker[ret->failed_thread];
	char text[REMEDY_BYTES], how[96] = "a touch raised SIGBUS";
	char size[UNITS_TEXT_BYTES], mapped[UNITS_TEXT_BYTES];

	if (w->errnum)
		snprintf(how, sizeof(how), "MADV_POPULATE_WRITE said %s (%s)",
			 w->errnum == EFAULT ? "EFAULT" : "an error",
			 strerror(w->errnum));
	remedy(job, ret, text);
	return error_set(
		err, ret->failure == PREALLOC_POISON ? -EIO : -ENOMEM,
		"no page at offset %" PRIu64 " of %" PRIu64 ": %s; %" PRIu64
		" of %" PRIu64 " pages of %s (%s) were mapped, by %u "
		"thread%s; %s",
		ret->failed_offset, job->range.bytes, how,
		ret->mapped_bytes / page, job->nr_pages,
		units_format_size(size, page),
		units_format_size(mapped, ret->mapped_bytes), ret->nr_threads,
		ret->nr_threads == 1 ? "" : "s", text);
}

static void take(const struct worker *w, struct prealloc_result *r)
{
	r->thread[w->index] = w->out;
	r->mapped_bytes += w->out.pages * w->job->range.page_bytes;
	r->minor_faults += w->out.minor_faults;
	r->major_faults += w->out.major_faults;
	if (!w->failure || (r->failure && r->failed_offset <= w->failed_offset))
		return;
	r->failure = w->failure;
	r->failed_offset = w->failed_offset;
	r->failed_thread = w->index;
}

int job_result(const struct prealloc_job *job, struct prealloc_result *ret,
	       struct error *err)
{
	unsigned int i;

	ret->thread = calloc(job->nr_workers, sizeof(*ret->thread));
	if (!ret->thread)
		return -ENOMEM;
	ret->nr_threads = job->nr_workers;
	for (i = 0; i < job->nr_workers; i++)
		take(&job->worker[i], ret);
	ret->created_ns = job->created_ns;
	ret->elapsed_ns = clock_now_ns() - job->start_ns;
	if (ret->failure)
		return explain(job, ret, err);
	return job->was_cancelled ? error_set(err, -EINTR, "interrupted") : 0;
}

void prealloc_result_exit(struct prealloc_result *r)
{
	free(r->thread);
	memset(r, 0, sizeof(*r));
}
