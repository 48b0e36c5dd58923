/* SPDX-License-Identifier: MIT */
#include "tools/compress_bare.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tools/compress_memory.h"
#include "tools/interrupt.h"

/* What a loop takes at a time. */
#define PIECE_REQUESTS 16u

struct bare;

struct loop {
	struct bare *bare;
	pthread_t thread;
	struct codec_context *codec;
	uint8_t *to;
	uint64_t cpu_ns, packed_bytes;
};

struct bare {
	const struct bare_params *p;
	size_t request_bytes;
	_Atomic uint64_t next; /* request */
	pthread_mutex_t gate; /* held until all are there */
	bool quit;
	unsigned int nr;
	struct loop loop[];
};

static void pack(struct loop *l, uint64_t request)
{
	size_t bytes = l->bare->request_bytes, packed;
	const uint8_t *from = l->bare->p->memory + request * bytes;

	if (codec_compress(l->codec, from, bytes, l->to, bytes - bytes / 32,
			   &packed))
		packed = bytes;
	l->packed_bytes += packed;
}

static void *run(void *arg)
{
	struct loop *l = arg;
	struct bare *b = l->bare;
	uint64_t nr = b->p->bytes / b->request_bytes, at, end;
	struct timespec cpu;

	pthread_mutex_lock(&b->gate);
	if (b->quit)
		nr = 0;
	pthread_mutex_unlock(&b->gate);
	while ((at = atomic_fetch_add(&b->next, PIECE_REQUESTS)) < nr &&
	       !interrupt_pending())
		for (end = at + PIECE_REQUESTS; at < end && at < nr; at++)
			pack(l, at);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	l->cpu_ns = (uint64_t)cpu.tv_sec * NSEC_PER_SEC + (uint64_t)cpu.tv_nsec;
	return NULL;
}

static int loop_start(struct bare *b)
{
	struct loop *l = &b->loop[b->nr];
	int rc;

	l->bare = b;
	rc = codec_create(b->p->codec, CODEC_COMPRESS, b->p->level,
			  b->request_bytes, &l->codec);
	if (rc)
		return rc;
	l->to = malloc(b->request_bytes);
	rc = l->to ? -pthread_create(&l->thread, NULL, run, l) : -ENOMEM;
	if (!rc)
		return 0;
	free(l->to);
	codec_destroy(l->codec);
	return rc;
}

static void loop_end(struct loop *l, struct bare_result *sum)
{
	pthread_join(l->thread, NULL);
	sum->cpu_ns += l->cpu_ns;
	sum->packed_bytes += l->packed_bytes;
	free(l->to);
	codec_destroy(l->codec);
}

static void join(struct bare *b, struct bare_result *ret)
{
	struct bare_result sum = { 0 };
	uint64_t begin_ns = clock_now_ns();
	unsigned int i;

	pthread_mutex_unlock(&b->gate);
	for (i = 0; i < b->nr; i++)
		loop_end(&b->loop[i], &sum);
	sum.elapsed_ns = clock_now_ns() - begin_ns;
	*ret = sum;
}

int bare_run(const struct bare_params *params, struct bare_result *ret,
	     struct error *err)
{
	struct bare *b;
	int rc = 0;

	b = calloc(1, sizeof(*b) + params->nr_loops * sizeof(b->loop[0]));
	if (!b)
		return error_set(err, -ENOMEM, "no memory for the bare loops");
	b->p = params;
	b->request_bytes = params->batch_pages * (size_t)COMPRESS_MEMORY_PAGE;
	pthread_mutex_init(&b->gate, NULL);
	pthread_mutex_lock(&b->gate);
	for (; !rc && b->nr < params->nr_loops; b->nr += !rc)
		rc = loop_start(b);
	b->quit = rc;
	join(b, ret);
	pthread_mutex_destroy(&b->gate);
	free(b);
	if (rc)
		return error_set(err, rc, "cannot start %u bare loops: %s",
				 params->nr_loops, strerror(-rc));
	return interrupt_pending() ? -EINTR : 0;
}
