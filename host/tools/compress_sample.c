/* SPDX-License-Identifier: MIT */
#include "tools/compress_sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "tools/compress_memory.h"
#include "tools/interrupt.h"

/* As much as a stream buffer that is written when it is full. */
#define STREAM_BYTES 32768u

struct run {
	struct compress *c;
	const uint8_t *memory;
	unsigned int batch;
	struct compress_sample *out;
	uint8_t stream[STREAM_BYTES + CODEC_MAX_BYTES];
	size_t used;
	uint64_t nr_sent;
};

/* Timed is one in so many: see compress.c. */
#define TIMED_EVERY 16u

static void copy(struct run *r, const void *from, size_t bytes)
{
	if (r->used + bytes > STREAM_BYTES)
		r->used = 0;
	memcpy(r->stream + r->used, from, bytes);
	/* As if somebody read it. */
	__asm__ volatile("" : : "r"(r->stream) : "memory");
	r->used += bytes;
	r->out->packed_bytes += bytes;
}

static void send(struct run *r, const void *from, size_t bytes, uint64_t *ns)
{
	uint64_t begin_ns;

	if (r->nr_sent++ % TIMED_EVERY) {
		copy(r, from, bytes);
		return;
	}
	begin_ns = clock_now_ns();
	copy(r, from, bytes);
	*ns += (clock_now_ns() - begin_ns) * TIMED_EVERY;
}

static void collect(struct run *r, bool wait)
{
	struct compress_result result;

	while (compress_collect(r->c, &result, wait)) {
		if (result.packed)
			send(r, result.packed, result.packed_bytes,
			     &r->out->send_ns);
		else
			send(r, result.pages,
			     result.nr_pages * (size_t)COMPRESS_MEMORY_PAGE,
			     &r->out->copy_ns);
		compress_release(r->c, &result);
	}
}

static int give(struct run *r, uint64_t page)
{
	const uint8_t *at = r->memory + page * COMPRESS_MEMORY_PAGE;
	struct compress_job job = {
		.tag = page,
		.pages = (void *)at,
		.nr_pages = r->batch,
	};
	int rc;

	do {
		rc = compress_submit(r->c, &job);
		collect(r, false);
	} while (rc == -EAGAIN);
	if (rc == -EBUSY) {
		send(r, at, r->batch * (size_t)COMPRESS_MEMORY_PAGE,
		     &r->out->copy_ns);
		rc = 0;
	}
	return rc;
}

static int all_pages(struct run *r)
{
	uint64_t page;
	int rc = 0;

	for (page = 0; !rc && page < r->out->pages; page += r->batch)
		rc = interrupt_pending() ? -EINTR : give(r, page);
	collect(r, true);
	return rc;
}

static uint64_t timeval_ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * NSEC_PER_SEC +
	       (uint64_t)t.tv_usec * NSEC_PER_USEC;
}

static int timed(struct run *r)
{
	struct compress_sample *out = r->out;
	struct rusage before, after;
	uint64_t begin_ns = clock_now_ns();
	int rc;

	getrusage(RUSAGE_THREAD, &before);
	rc = all_pages(r);
	getrusage(RUSAGE_THREAD, &after);
	out->elapsed_ns = clock_now_ns() - begin_ns;
	out->cpu_ns = timeval_ns(after.ru_utime) + timeval_ns(after.ru_stime) -
		      timeval_ns(before.ru_utime) - timeval_ns(before.ru_stime);
	out->voluntary_switches = (uint64_t)(after.ru_nvcsw - before.ru_nvcsw);
	out->involuntary_switches =
		(uint64_t)(after.ru_nivcsw - before.ru_nivcsw);
	compress_get_stats(r->c, &out->stats);
	return rc;
}

static int engine_run(const struct compress_settings *s, const uint8_t *memory,
		      struct compress_sample *out, struct error *err)
{
	struct compress_params p =
		compress_params_of(s, out->engine, out->threads);
	struct run *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return error_set(err, -ENOMEM, "no memory for a stream buffer");
	r->memory = memory;
	r->batch = p.max_pages;
	r->out = out;
	rc = compress_create(&p, &r->c, err);
	if (!rc) {
		rc = timed(r);
		compress_destroy(r->c);
	}
	free(r);
	return rc;
}

static unsigned int nr_loops(const struct compress_stats *stats)
{
	return stats->nr_workers < stats->nr_cpus ? stats->nr_workers
						  : stats->nr_cpus;
}

static int bare(const struct compress_settings *s, const uint8_t *memory,
		const struct compress_sample *of, struct bare_result *ret,
		struct error *err)
{
	struct bare_params p = {
		.codec = s->codec,
		.level = s->level,
		.nr_loops = of->nr_loops,
		.batch_pages = (unsigned int)s->batch,
		.memory = memory,
		.bytes = s->ram_bytes,
	};

	return bare_run(&p, ret, err);
}

/* How many CPUs there are is the engine's to say: it is asked once more. */
static int count_loops(const struct compress_settings *s,
		       struct compress_sample *out, struct error *err)
{
	struct compress_params p =
		compress_params_of(s, out->engine, out->threads);
	struct compress *c;
	int rc = compress_create(&p, &c, err);

	if (rc)
		return rc;
	compress_get_stats(c, &out->stats);
	compress_destroy(c);
	out->nr_loops = nr_loops(&out->stats);
	return 0;
}

int compress_measure(const struct compress_settings *s,
		     enum compress_engine engine, unsigned int threads,
		     const uint8_t *memory, struct compress_sample *ret,
		     struct error *err)
{
	uint64_t request = s->batch * COMPRESS_MEMORY_PAGE;
	struct compress_sample out = {
		.engine = engine,
		.threads = threads,
		.pages = s->ram_bytes / request * s->batch,
	};
	struct bare_result before, after;
	int rc = count_loops(s, &out, err);

	if (!rc)
		rc = bare(s, memory, &out, &before, err);
	if (!rc)
		rc = engine_run(s, memory, &out, err);
	if (!rc)
		rc = bare(s, memory, &out, &after, err);
	if (rc)
		return rc;
	out.bare.elapsed_ns = (before.elapsed_ns + after.elapsed_ns) / 2;
	out.bare.cpu_ns = (before.cpu_ns + after.cpu_ns) / 2;
	out.bare.packed_bytes = before.packed_bytes;
	*ret = out;
	return 0;
}
