/* SPDX-License-Identifier: MIT */
/* Touching pages, and having them populated. */
#include "prealloc/touch.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/compat.h"

/* Between two looks at whether to stop. */
#define POPULATE_BYTES (64ull << 20)

/*
 * Whatever is stored there meanwhile stays. A compiler may turn the built-in
 * with an operand of 0 into a fence and a load, and a load maps no page; the
 * race detector understands only the built-in, and keeps it.
 */
static inline void touch(volatile uint8_t *at)
{
#if defined(__SANITIZE_THREAD__)
	__atomic_fetch_or((uint8_t *)at, 0, __ATOMIC_RELAXED);
#else
	__asm__ volatile("lock orb $0, %0" : "+m"(*at) : : "memory");
#endif
}

/* As it was once: a store that comes between the two is lost. */
static inline void rewrite(volatile uint8_t *at)
{
	*at = *at;
	__asm__ volatile("" : : : "memory");
}

/* Asking may take a system call. */
#define ASK_EVERY 64u

static bool is_stopped(const struct worker *w)
{
	return atomic_load_explicit(&w->job->stop, memory_order_relaxed);
}

bool touch_stopped(const struct worker *w)
{
	struct prealloc_job *job = w->job;

	if (job->config.cancelled && job->config.cancelled())
		atomic_store(&job->was_cancelled, true);
	return atomic_load_explicit(&job->stop, memory_order_relaxed) ||
	       atomic_load_explicit(&job->was_cancelled, memory_order_relaxed);
}

static void count(struct worker *w, uint64_t pages)
{
	if (!w->out.first_ns)
		w->out.first_ns = clock_now_ns() - w->job->start_ns;
	w->out.pages += pages;
}

void touch_failed(struct worker *w, enum prealloc_failure failure,
		  uint64_t offset)
{
	w->failure = failure;
	w->failed_offset = offset - offset % w->job->range.page_bytes;
	atomic_store(&w->job->failed, true);
	job_stop(w->job);
}

/* The counter is in memory before each touch: a jump out of one finds it. */
void touch_pages(struct worker *w, uint64_t first, uint64_t nr)
{
	const struct prealloc_range *r = &w->job->range;
	volatile uint8_t *at = (uint8_t *)r->base + first * r->page_bytes;
	volatile uint8_t *end;

	for (; nr && !is_stopped(w); nr--) {
		if ((nr % ASK_EVERY == 0 || r->page_bytes > r->touch_bytes ||
		     r->pooled) &&
		    touch_stopped(w))
			return;
		for (end = at + r->page_bytes; at < end; at += r->touch_bytes)
			if (w->job->config.rewrite)
				rewrite(at);
			else
				touch(at);
		count(w, 1);
	}
}

static int populate(const struct worker *w, uint64_t first, uint64_t nr)
{
	const struct prealloc_range *r = &w->job->range;
	int rc;

	do {
		rc = madvise((uint8_t *)r->base + first * r->page_bytes,
			     nr * r->page_bytes, MADV_POPULATE_WRITE);
	} while (rc && errno == EAGAIN && !touch_stopped(w));
	return rc ? -errno : 0;
}

/* The kernel doesn't say how far it came: the pages are populated again by
 * halves, which is quick where they are there. */
static void find_failure(struct worker *w, uint64_t first, uint64_t nr)
{
	uint64_t low = first, high = first + nr, middle;
	int rc, errnum = EFAULT;

	while (high - low > 1) {
		middle = low + (high - low) / 2;
		rc = populate(w, low, middle - low);
		if (rc)
			errnum = -rc;
		if (rc)
			high = middle;
		else
			low = middle;
	}
	/* A page may have come free meanwhile: then it is the next one's turn,
	 * and ours failed all the same. */
	rc = populate(w, low, 1);
	w->errnum = rc ? -rc : errnum;
	if (low > first)
		count(w, low - first);
	touch_failed(w,
		     w->errnum == EHWPOISON ? PREALLOC_POISON : PREALLOC_FAULT,
		     low * w->job->range.page_bytes);
}

void touch_populate(struct worker *w, uint64_t first, uint64_t nr)
{
	uint64_t most = POPULATE_BYTES / w->job->range.page_bytes, one;

	for (; nr && !touch_stopped(w); first += one, nr -= one) {
		one = most && most < nr ? most : nr;
		if (!most)
			one = 1;
		if (populate(w, first, one)) {
			find_failure(w, first, one);
			return;
		}
		count(w, one);
	}
}
