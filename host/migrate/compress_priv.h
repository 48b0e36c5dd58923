/* SPDX-License-Identifier: MIT */
/* What the engines share; for compress*.c alone. */
#ifndef VMFERRY_MIGRATE_COMPRESS_PRIV_H
#define VMFERRY_MIGRATE_COMPRESS_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "migrate/compress.h"
#include "migrate/rings.h"

/* One thread counts, others read at any time: no order is needed. */
typedef _Atomic uint64_t tally;

static inline void tally_add(tally *t, uint64_t n)
{
	/* Not fetch_add: there is one writer, so no lock prefix. */
	atomic_store_explicit(t,
			      atomic_load_explicit(t, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline uint64_t tally_get(const tally *t)
{
	return atomic_load_explicit((tally *)t, memory_order_relaxed);
}

struct worker {
	/* Its counters are written for each request: no line is shared. */
	alignas(RING_APART) struct compress *c;
	unsigned int index;
	pthread_t thread;
	_Atomic pid_t tid; /* 0: not there yet */
	struct codec_context *codec;
	uint8_t *copy; /* the stable copy of a request's pages */
	tally requests, pages, raw_pages, probed_pages, in_bytes, out_bytes;
	tally blocked_ns, idle_ns, futex_calls;
};

struct compress_engine_ops {
	/* The engine's own part, c->own; its exit frees it. */
	int (*init)(struct compress *c);
	void (*exit)(struct compress *c);
	/* A worker's thread, until quit() was called. */
	void (*run)(struct worker *w);
	void (*quit)(struct compress *c);
	/* May be NULL: does not tell. */
	bool (*has_room)(struct compress *c);
	/* 0 or -EBUSY. */
	int (*submit)(struct compress *c, const struct request *request);
	bool (*collect)(struct compress *c, struct compress_result *ret,
			bool wait);
};

extern const struct compress_engine_ops compress_locked_ops, compress_ring_ops;

struct compress {
	struct compress_params p; /* the defaults filled in */
	const struct compress_engine_ops *ops;
	void *own; /* the engine's */
	unsigned int nr_cpus;
	uint64_t start_ns;
	/* Requests that there may be until one is collected: in rings and with
	 * workers, and one more. */
	unsigned int max_under_way;
	uint64_t under_way; /* submitted and not collected */
	/* Where workers put what they compressed: a buffer belongs to a request
	 * and then to its result. Who is free is the submitter's to know. */
	uint8_t *buffers;
	size_t buffer_bytes;
	unsigned int nr_buffers, nr_free;
	unsigned int *free;
	tally submitted, submitted_pages, busy_pages, collected;
	tally scan_ns, wait_ns, collect_ns, futex_calls; /* the submitter's */
	unsigned int nr_calls; /* some of which are timed */
	uint64_t waited_ns; /* wait_ns when such a one began */
	unsigned int nr_started;
	struct worker worker[COMPRESS_MAX_THREADS];
};

#define COMPRESS_PAGE_BYTES 4096u
#define COMPRESS_NO_BUFFER UINT32_MAX

/* Does what @request asks for; compress_work.c. */
void worker_serve(struct worker *w, const struct request *request,
		  struct compress_result *ret_result);

#endif
