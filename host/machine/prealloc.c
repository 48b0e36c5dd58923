/* SPDX-License-Identifier: MIT */
/* All of RAM is had before the guest runs, or while it arrives. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "machine/state.h"
#include "prealloc/prealloc.h"

#define SMALL_PAGE 4096ull

static struct prealloc_range range_of(const struct machine *m,
				      const struct guestmem_region *r)
{
	bool pooled = backing_is_pooled(m->params->backing, r->page_bytes);

	return (struct prealloc_range){
		.base = r->hva,
		.bytes = r->bytes,
		.page_bytes = r->backing.page_bytes,
		.touch_bytes = pooled ? r->page_bytes : SMALL_PAGE,
		.pooled = pooled,
		.promised = pooled && !m->params->unreserved,
		.fd = r->memfd,
	};
}

/* Whoever ends us shall not have to wait: the signal is blocked, and a matter
 * of the loop, which does not run yet. */
static bool is_ending(void)
{
	sigset_t set;

	return !sigpending(&set) &&
	       (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM));
}

/* Lock held. From the call to the end of the last thread. */
static void take(struct machine_prealloc *p, const struct prealloc_result *r)
{
	unsigned int i;

	p->mapped_bytes += r->mapped_bytes;
	for (i = 0; i < r->nr_threads; i++)
		if (r->thread[i].end_ns > p->elapsed_ns)
			p->elapsed_ns = r->thread[i].end_ns;
}

static int run(struct machine *m, unsigned int index,
	       const struct prealloc_config *config, struct error *err)
{
	const struct guestmem_region *r = &vm_memory(m->vm)->region[index];
	const struct prealloc_range range = range_of(m, r);
	struct machine_prealloc *p = &m->prealloc;
	struct prealloc_result result;
	int rc;

	if (m->params->prealloc_async && m->params->incoming)
		return prealloc_start(config, &range, &p->job[index], err);
	rc = prealloc_run(config, &range, &result, err);
	p->mapped_bytes += result.mapped_bytes;
	p->elapsed_ns += result.elapsed_ns;
	prealloc_result_exit(&result);
	return rc;
}

int machine_prealloc(struct machine *m, struct error *err)
{
	const struct guestmem *mem = vm_memory(m->vm);
	struct prealloc_config config = m->params->prealloc_how;
	unsigned int i;
	int rc = 0;

	config.nr_vcpus = m->params->nr_vcpus;
	config.cancelled = is_ending;
	for (i = 0; i < mem->nr_regions && !rc; i++)
		if (mem->region[i].is_ram)
			rc = run(m, i, &config, err);
	/* What the host cannot give is no fault of ours. */
	return rc == -ENOMEM ? -EOPNOTSUPP : rc;
}

/* Lock held. Waits for the threads of one region. */
static void collect(struct machine_prealloc *p, unsigned int index)
{
	struct prealloc_result result;
	struct error err = { "" };
	int rc = prealloc_finish(p->job[index], &result, &err);

	p->job[index] = NULL;
	take(p, &result);
	prealloc_result_exit(&result);
	if (!rc || rc == -EINTR || p->rc)
		return;
	p->rc = rc;
	p->err = err;
}

/* Lock held. Takes in what has ended, so that its failure is known. */
static void look(struct machine_prealloc *p)
{
	struct prealloc_progress progress;
	unsigned int i;

	for (i = 0; i < GUESTMEM_MAX_REGIONS; i++) {
		if (!p->job[i])
			continue;
		prealloc_poll(p->job[i], &progress);
		if (progress.done || progress.failed)
			collect(p, i);
	}
}

/* Lock held. */
static int verdict(const struct machine_prealloc *p, struct error *err)
{
	return p->rc ? error_set(err, -ENOMEM, "%s", p->err.text) : 0;
}

int machine_prealloc_check(struct machine *m, struct error *err)
{
	struct machine_prealloc *p = &m->prealloc;
	int rc;

	pthread_mutex_lock(&p->lock);
	look(p);
	rc = verdict(p, err);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

int machine_prealloc_reached(struct machine *m, unsigned int index,
			     uint64_t end_page, struct error *err)
{
	struct machine_prealloc *p = &m->prealloc;
	int rc;

	pthread_mutex_lock(&p->lock);
	look(p);
	if (p->job[index])
		prealloc_reached(p->job[index], end_page * SMALL_PAGE);
	rc = verdict(p, err);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

void machine_prealloc_passed(struct machine *m)
{
	struct machine_prealloc *p = &m->prealloc;
	unsigned int i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < GUESTMEM_MAX_REGIONS; i++)
		if (p->job[i])
			prealloc_passed(p->job[i]);
	pthread_mutex_unlock(&p->lock);
}

json_t *machine_prealloc_query(struct machine *m)
{
	struct machine_prealloc *p = &m->prealloc;
	struct prealloc_progress progress;
	uint64_t mapped_bytes;
	bool done = true;
	unsigned int i;
	json_t *reply;

	if (!m->params->prealloc || m->params->handover)
		return NULL;
	pthread_mutex_lock(&p->lock);
	look(p);
	mapped_bytes = p->mapped_bytes;
	for (i = 0; i < GUESTMEM_MAX_REGIONS; i++)
		if (p->job[i]) {
			prealloc_poll(p->job[i], &progress);
			mapped_bytes += progress.mapped_bytes;
			done = false;
		}
	reply = json_pack("{s:b, s:I, s:I, s:s?}", "done", done, "elapsed-ns",
			  (json_int_t)p->elapsed_ns, "mapped-bytes",
			  (json_int_t)mapped_bytes, "error",
			  p->rc ? p->err.text : NULL);
	pthread_mutex_unlock(&p->lock);
	return reply;
}

void machine_prealloc_end(struct machine *m)
{
	struct machine_prealloc *p = &m->prealloc;
	unsigned int i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < GUESTMEM_MAX_REGIONS; i++)
		if (p->job[i]) {
			prealloc_stop(p->job[i]);
			collect(p, i);
		}
	pthread_mutex_unlock(&p->lock);
}
