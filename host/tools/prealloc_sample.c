/* SPDX-License-Identifier: MIT */
/* One measurement of a preallocation. */
#include "tools/prealloc_sample.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define TOUCH_BYTES 4096ull

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* Over the threads that had something to do, for the rates; over all, for
 * what the first and the last one did. */
static void derive(struct prealloc_sample *s)
{
	const struct prealloc_result *r = &s->result;
	uint64_t start = UINT64_MAX, last_start = 0, end = UINT64_MAX;
	uint64_t last_end = 0;
	unsigned int i;

	s->pages_min = UINT64_MAX;
	for (i = 0; i < r->nr_threads; i++) {
		const struct prealloc_thread *t = &r->thread[i];

		start = t->start_ns < start ? t->start_ns : start;
		last_start =
			t->start_ns > last_start ? t->start_ns : last_start;
		end = t->end_ns < end ? t->end_ns : end;
		last_end = t->end_ns > last_end ? t->end_ns : last_end;
		s->pages_min =
			t->pages < s->pages_min ? t->pages : s->pages_min;
		s->pages_max =
			t->pages > s->pages_max ? t->pages : s->pages_max;
	}
	if (r->nr_threads > 1) {
		s->start_spread_ms = ms(last_start - start);
		s->finish_spread_ms = ms(last_end - end);
	}
	if (r->failure)
		return;
	s->rate_bytes_per_s = (double)s->bytes * 1e9 / (double)r->elapsed_ns;
	s->work_bytes_per_s =
		(double)s->bytes * 1e9 / (double)(last_end - start);
}

/* Pages that could not be had are a finding; all else is not. */
static int run(const struct backing *b, bool reserve, struct prealloc_sample *s,
	       struct error *err)
{
	const struct prealloc_range range = {
		.base = b->base,
		.bytes = b->bytes,
		.page_bytes = b->page_bytes,
		/* Where there was no huge page, small ones are to be had. */
		.touch_bytes =
			s->backing == BACKING_THP ? TOUCH_BYTES : b->page_bytes,
		.pooled = backing_is_pooled(s->backing, b->page_bytes),
		.promised =
			reserve && backing_is_pooled(s->backing, b->page_bytes),
		.fd = b->fd,
	};
	struct error why = { "" };
	int rc = prealloc_run(&s->config, &range, &s->result, &why);

	if (s->result.failure)
		memcpy(s->failure, why.text, sizeof(s->failure));
	else if (rc)
		return error_set(err, rc, "%s",
				 why.text[0] ? why.text : strerror(-rc));
	derive(s);
	if (s->result.failure)
		return 0;
	rc = smaps_read(0, (uintptr_t)b->base, b->bytes, &s->smaps);
	return rc ? error_set(err, rc, "cannot read /proc/self/smaps: %s",
			      strerror(-rc))
		  : 0;
}

int prealloc_measure(const struct backing_params *params,
		     const struct prealloc_config *config,
		     struct prealloc_sample *ret, struct error *err)
{
	struct prealloc_sample s = {
		.backing = params->kind,
		.bytes = params->bytes,
		.page_bytes = params->page_bytes,
		.config = *config,
		.start_spread_ms = NAN,
		.finish_spread_ms = NAN,
		.rate_bytes_per_s = NAN,
		.work_bytes_per_s = NAN,
	};
	struct error why = { "" };
	struct backing b = { .fd = -1 };
	int rc = backing_create(params, &b, &why);

	if (rc == -ENOMEM) {
		memcpy(s.failure, why.text, sizeof(s.failure));
		s.unmapped = true;
		*ret = s;
		return 0;
	}
	if (rc)
		return error_set(err, rc, "%s", why.text);
	rc = run(&b, params->reserve, &s, err);
	backing_destroy(&b);
	if (rc)
		prealloc_sample_exit(&s);
	else
		*ret = s;
	return rc;
}

void prealloc_sample_exit(struct prealloc_sample *s)
{
	prealloc_result_exit(&s->result);
}

bool prealloc_is_proven(const struct prealloc_sample *s)
{
	return smaps_of_size(&s->smaps, s->page_bytes) == s->bytes;
}
