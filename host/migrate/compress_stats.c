/* SPDX-License-Identifier: MIT */
/* A snapshot of what workers and submitter have counted. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/procfile.h"
#include "migrate/compress_priv.h"

static uint64_t thread_cpu_ns(pthread_t thread)
{
	struct timespec at;
	clockid_t clock;

	if (pthread_getcpuclockid(thread, &clock) || clock_gettime(clock, &at))
		return 0;
	return (uint64_t)at.tv_sec * NSEC_PER_SEC + (uint64_t)at.tv_nsec;
}

/* Source: proc(5), /proc/pid/status. */
static void read_switches(pid_t tid, struct compress_worker_stats *ret)
{
	char path[64], text[4096], value[32];

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)tid);
	if (procfile_read(path, text, sizeof(text)))
		return;
	if (procfile_field(text, "voluntary_ctxt_switches", value,
			   sizeof(value)))
		procfile_u64(value, &ret->voluntary_switches);
	if (procfile_field(text, "nonvoluntary_ctxt_switches", value,
			   sizeof(value)))
		procfile_u64(value, &ret->involuntary_switches);
}

static void read_worker(const struct worker *w,
			struct compress_worker_stats *ret)
{
	pid_t tid = atomic_load_explicit((_Atomic pid_t *)&w->tid,
					 memory_order_relaxed);

	ret->requests = tally_get(&w->requests);
	ret->pages = tally_get(&w->pages);
	ret->raw_pages = tally_get(&w->raw_pages);
	ret->probed_pages = tally_get(&w->probed_pages);
	ret->in_bytes = tally_get(&w->in_bytes);
	ret->out_bytes = tally_get(&w->out_bytes);
	ret->blocked_ns = tally_get(&w->blocked_ns);
	ret->idle_ns = tally_get(&w->idle_ns);
	ret->futex_calls = tally_get(&w->futex_calls);
	ret->cpu_ns = thread_cpu_ns(w->thread);
	if (tid)
		read_switches(tid, ret);
}

void compress_get_stats(const struct compress *c, struct compress_stats *ret)
{
	unsigned int i;

	memset(ret, 0, sizeof(*ret));
	ret->elapsed_ns = clock_now_ns() - c->start_ns;
	ret->submitted = tally_get(&c->submitted);
	ret->submitted_pages = tally_get(&c->submitted_pages);
	ret->busy_pages = tally_get(&c->busy_pages);
	ret->collected = tally_get(&c->collected);
	ret->scan_ns = tally_get(&c->scan_ns);
	ret->wait_ns = tally_get(&c->wait_ns);
	ret->collect_ns = tally_get(&c->collect_ns);
	ret->submitter_futex_calls = tally_get(&c->futex_calls);
	ret->nr_workers = c->nr_started;
	ret->nr_cpus = c->nr_cpus;
	ret->spin_ns = c->p.spin_ns;
	ret->max_awake = c->p.max_awake;
	for (i = 0; i < c->nr_started; i++)
		read_worker(&c->worker[i], &ret->worker[i]);
}
