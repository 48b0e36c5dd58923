/* SPDX-License-Identifier: MIT */
/*
 * Memory preallocation: have every page of a range mapped, writable, now.
 *
 * The methods are those that hypervisors went through, each as it was, and one
 * of ours; docs/design.md, section "Preallocation", tells them apart.
 */
#ifndef VMFERRY_PREALLOC_PREALLOC_H
#define VMFERRY_PREALLOC_PREALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum prealloc_method {
	PREALLOC_SERIAL, /* the calling thread touches all */
	/* n / threads pages each, the remainder to the last; each thread begins
	 * as soon as it has been created. */
	PREALLOC_SPLIT,
	/* The remainder spread; all wait until the last has been created. */
	PREALLOC_EVEN,
	PREALLOC_POPULATE, /* as EVEN, by MADV_POPULATE_WRITE */
	PREALLOC_BEST, /* chunks from a shared counter, the caller helps */
	PREALLOC_NR_METHODS,
};

/* In that order, NULL-terminated. */
extern const char *const prealloc_method_names[];

#define PREALLOC_MAX_THREADS 1024u
#define PREALLOC_AUTO_THREADS 16u

struct prealloc_config {
	enum prealloc_method method;
	unsigned int nr_threads; /* 0 = prealloc_auto_threads(nr_vcpus) */
	unsigned int nr_vcpus; /* of the guest; 0 = no bound */
	bool pin; /* each thread to one CPU, in turn */
	bool bind; /* pages and threads to NUMA node @node */
	unsigned int node;
	/*
	 * Touch by reading a byte and writing it back, as was done before. It
	 * loses stores that others make meanwhile: private memory only. SERIAL,
	 * SPLIT and EVEN alone.
	 */
	bool rewrite;
	bool no_populate; /* as on a kernel before 5.14 */
	/* Asked by all threads now and then; true: leave it. May be NULL. */
	bool (*cancelled)(void);
};

struct prealloc_range {
	void *base; /* aligned to @page_bytes */
	uint64_t bytes; /* whole pages */
	uint64_t page_bytes; /* what is divided among the threads */
	uint64_t touch_bytes; /* a touch every so many: divides @page_bytes */
	bool pooled; /* hugetlb: the remedy is a larger pool... */
	bool promised; /* ...unless it was reserved when it was mapped */
	int fd; /* that backs it from offset 0, for the remedy; -1 = none */
};

/* Times count from the call of prealloc_run(). */
struct prealloc_thread {
	uint64_t pages; /* that it has mapped */
	uint64_t start_ns; /* it begins to work: behind the gate, if any */
	uint64_t first_ns; /* its first page (populate: chunk) is done; or 0 */
	uint64_t end_ns;
	uint64_t minor_faults, major_faults; /* as the kernel counts */
};

enum prealloc_failure {
	PREALLOC_FINE,
	PREALLOC_BUS, /* a touch raised SIGBUS */
	PREALLOC_FAULT, /* MADV_POPULATE_WRITE: EFAULT, ENOMEM, ... */
	PREALLOC_POISON, /* the hardware: a broken page */
};

struct prealloc_result {
	unsigned int nr_threads; /* that worked, the caller included */
	struct prealloc_thread *thread; /* freed by prealloc_result_exit() */
	uint64_t elapsed_ns; /* call to return */
	uint64_t created_ns; /* the last thread was created */
	uint64_t mapped_bytes;
	uint64_t minor_faults, major_faults; /* of all threads */
	enum prealloc_failure failure;
	uint64_t failed_offset; /* the lowest that failed; page-aligned */
	unsigned int failed_thread;
};

/**
 * prealloc_run() - have all pages of @range mapped.
 * @ret: filled on success and when a page could not be had (then @failure is
 *	not PREALLOC_FINE); zeroed on other failures. To be given to
 *	prealloc_result_exit() in every case.
 *
 * Touching is an atomic OR of 0: what others write into the range meanwhile is
 * kept. On the first page that cannot be had all threads stop; the pages so far
 * stay mapped, the range being the caller's.
 *
 * A SIGBUS by a touch of ours stays here: whoever handled SIGBUS before gets
 * all others, and is in place again afterwards.
 *
 * Context: any thread; several ranges may be under way at once.
 * Return: 0; -ENOMEM: no page to be had, with offset, bytes mapped and remedy;
 * -EIO: broken memory; -EINTR: @config->cancelled() said so; -EINVAL: @config or @range; -EOPNOTSUPP: this kernel has
 * no MADV_POPULATE_WRITE; or what pthread_create() or mbind(2) said.
 */
int prealloc_run(const struct prealloc_config *config,
		 const struct prealloc_range *range,
		 struct prealloc_result *ret, struct error *err);

/**
 * prealloc_limit() - how fast the kernel alone hands out such pages.
 * @range: as for prealloc_run(), and nothing is there yet.
 * @nr_threads: 1..PREALLOC_MAX_THREADS.
 * @ret_ns: all threads stand ready -> the last has its pages.
 *
 * Nothing but the kernel's own work: a thread asks for its part of the range in
 * one call (a file on tmpfs is allocated so first; on kernels without
 * MADV_POPULATE_WRITE it writes a byte a page), without chunks, counters or
 * traps. What a method can be held against. A page that cannot be had is
 * -ENOMEM here; touching, it is SIGBUS to the process.
 *
 * Return: 0 or -errno.
 */
int prealloc_limit(const struct prealloc_range *range, unsigned int nr_threads,
		   uint64_t *ret_ns);

void prealloc_result_exit(struct prealloc_result *r);

/* The CPUs that affinity and cgroup quota leave us, the vCPUs if not 0, and at
 * most PREALLOC_AUTO_THREADS; at least 1. */
unsigned int prealloc_auto_threads(unsigned int nr_vcpus);

/* Does this kernel have MADV_POPULATE_WRITE? (Linux 5.14) */
bool prealloc_can_populate(void);

struct prealloc_progress {
	uint64_t mapped_bytes;
	bool done; /* prealloc_finish() will not wait */
	bool failed; /* a page could not be had: prealloc_finish() says why */
};

struct prealloc_job;

/**
 * prealloc_start() - the same in the background, by threads of its own.
 * @config: method BEST; @range as for prealloc_run(), its memory stays until
 *	prealloc_finish().
 *
 * Goes from the end of the range to its beginning: somebody who fills it from
 * the beginning meets the work instead of waiting behind it. As long as they
 * have not begun, prealloc_reached(), nothing is left to them. The threads give
 * way to all others (nice).
 *
 * Return: 0 or -errno as above.
 */
int prealloc_start(const struct prealloc_config *config,
		   const struct prealloc_range *range,
		   struct prealloc_job **ret_job, struct error *err);

/**
 * prealloc_reached() - somebody fills the range and has come to @offset.
 *
 * The pages about there are theirs: they are not populated now, but when these
 * have moved on (they may leave out some, which are had then). A smaller
 * @offset than before changes nothing. Context: any thread.
 */
void prealloc_reached(struct prealloc_job *job, uint64_t offset);

/* They fill no more: what was left to them is had now. Without it
 * prealloc_finish() may wait for ever. Context: any thread. */
void prealloc_passed(struct prealloc_job *job);

/* Context: any thread. */
void prealloc_poll(const struct prealloc_job *job,
		   struct prealloc_progress *ret);

/* Have the threads stop at their next page (populate: chunk). */
void prealloc_stop(struct prealloc_job *job);

/**
 * prealloc_finish() - wait for the threads, then free @job.
 * @ret, return: as prealloc_run(). A job that was stopped is no failure.
 */
int prealloc_finish(struct prealloc_job *job, struct prealloc_result *ret,
		    struct error *err);

#endif
