/* SPDX-License-Identifier: MIT */
/*
 * Compression and decompression of pages by worker threads: one interface, two
 * engines.
 *
 *   locked   as it was done before: each worker holds one request at most, and
 *            has a lock and a condition of its own; a global lock and condition
 *            tell that a worker is done.
 *   ring     each worker has a ring of requests; all of them write to one ring
 *            of results, which holds as many as there can be and so is never
 *            full. No lock, nothing allocated for a page; who finds nothing to
 *            do spins a little, then sleeps.
 *
 * One thread, the *submitter*, makes all calls but compress_get_stats():
 *
 *	rc = compress_submit(c, &job);
 *	while (compress_collect(c, &result, false)) {
 *		... send result.packed, or result.pages as they are ...
 *		compress_release(c, &result);
 *	}
 *	if (rc == -EBUSY)
 *		... send the job's pages uncompressed ...
 *	else if (rc == -EAGAIN)
 *		... has released now: once more ...
 *
 * and at the end of a round, before the dirty log is read again (else two
 * versions of a page could be under way, and arrive in either order):
 *
 *	while (compress_collect(c, &result, true))
 *		... the same ...
 *
 * Results come in any order.
 *
 * The guest may write the pages while they are compressed. Encoders read what
 * they compress more than once; if it changed in between, they may write what
 * no decoder reads, or read beyond their tables. So the worker copies the pages
 * first, and compresses the copy. (A mix of old and new bytes in the copy does
 * not matter: the page is dirty again, see copy.h.) It is the worker that
 * copies, into a buffer of its own, because then that is done by many threads
 * and into memory that is in the right cache, and because the submitter is the
 * thread that all wait for.
 *
 * Pages that do not get smaller are not sent from that copy, but from where
 * they lie, like all pages that are sent as they are: a copy kept until it has
 * been sent would be one buffer more for each request, and would buy nothing:
 * the reader takes any mix of bytes.
 */
#ifndef VMFERRY_MIGRATE_COMPRESS_H
#define VMFERRY_MIGRATE_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "migrate/codec.h"

#define COMPRESS_MAX_THREADS 64u
#define COMPRESS_MAX_PAGES 16u /* of one request: 64 KiB */
#define COMPRESS_MAX_CAPACITY 1024u
#define COMPRESS_MAX_HELD 4096u
/*
 * Of a worker's ring: four requests of 64 KiB, and of smaller ones as many as
 * are as much work, up to so many. Who sleeps sleeps for what the rings hold,
 * and four single pages are less work than to sleep and to be woken is worth.
 */
#define COMPRESS_DEFAULT_CAPACITY 4u
#define COMPRESS_DEFAULT_MOST 32u

enum compress_engine { COMPRESS_RING, COMPRESS_LOCKED, COMPRESS_NR_ENGINES };
/* In that order, NULL-terminated. */
extern const char *const compress_engine_names[];

/* Where the ring engine looks for room first. */
enum compress_scan {
	/* Workers that are awake, in order; then one that sleeps. */
	COMPRESS_SCAN_AWAKE,
	COMPRESS_SCAN_FIRST, /* all in order */
	COMPRESS_SCAN_ROBIN, /* all, from behind the one that was last */
	COMPRESS_NR_SCANS,
};
/* In that order, NULL-terminated: "awake", "first", "robin". */
extern const char *const compress_scan_names[];

#define COMPRESS_SPIN_AUTO UINT64_MAX

struct compress_params {
	enum compress_engine engine;
	enum codec_direction direction;
	const struct codec *codec;
	int level; /* within the codec's range; CODEC_COMPRESS */
	unsigned int nr_threads; /* 1..COMPRESS_MAX_THREADS */
	bool wait; /* compress_submit() waits for room instead of -EBUSY */
	unsigned int max_pages; /* of a request, 1..COMPRESS_MAX_PAGES */
	/*
	 * Results collected and not yet released, at most: 0..COMPRESS_MAX_HELD.
	 * As many as are sent together, by their addresses. CODEC_DECOMPRESS:
	 * of no matter.
	 */
	unsigned int max_held;
	bool no_probe; /* have the codec try each page */

	/* The ring engine's; all 0 are its defaults. */
	/* 2^n up to COMPRESS_MAX_CAPACITY; 0 = compress_capacity() */
	unsigned int capacity;
	enum compress_scan scan;
	/*
	 * Before a thread sleeps. COMPRESS_SPIN_AUTO: some microseconds, and
	 * not at all if there are fewer CPUs than threads: who spins there
	 * keeps the one from running that is waited for. Who spun in vain
	 * sleeps at once for some times, however long it is.
	 */
	uint64_t spin_ns;
	/*
	 * COMPRESS_SCAN_AWAKE: so many workers are woken; the others stay
	 * asleep until one of these does. 0 = as many as there are CPUs: more
	 * of them only take the CPU from each other.
	 */
	unsigned int max_awake;
};

struct compress_job {
	uint64_t tag; /* the caller's; comes back with the result */
	/*
	 * @nr_pages, adjacent. CODEC_COMPRESS: read at some time until the
	 * result is collected, and from then on as the caller sends them.
	 * CODEC_DECOMPRESS: written, by nobody else until then.
	 */
	void *pages;
	unsigned int nr_pages; /* 1..max_pages */
	/* CODEC_DECOMPRESS: the bytes of a peer; the caller's, and unchanged
	 * until the result is collected. */
	const void *packed;
	size_t packed_bytes;
	uint32_t check; /* that codec_check() must have of it */
};

struct compress_result {
	uint64_t tag;
	void *pages;
	/*
	 * CODEC_COMPRESS: the engine's, until compress_release(); fewer bytes
	 * than the pages have. NULL and 0: they do not get smaller, and are to
	 * be sent as they lie. CODEC_DECOMPRESS: as in the job.
	 */
	const void *packed;
	size_t packed_bytes;
	unsigned int nr_pages;
	uint32_t
		check; /* CODEC_COMPRESS: codec_check() of it; else the job's */
	/* CODEC_DECOMPRESS: 0; -EBADMSG: the check is not that of the bytes,
	 * which no decoder was shown; -EPROTO: nor are they the pages. Else 0. */
	int rc;
	unsigned int buffer; /* the engine's */
};

struct compress_worker_stats {
	uint64_t requests;
	uint64_t pages;
	uint64_t raw_pages; /* of these, found not to get smaller */
	uint64_t probed_pages; /* of these, without trying */
	/* CODEC_COMPRESS: pages that did get smaller, and what became of
	 * them; CODEC_DECOMPRESS: the other way round. */
	uint64_t in_bytes, out_bytes;
	uint64_t cpu_ns; /* CPU time of the thread */
	uint64_t blocked_ns; /* waiting for a lock (ring: there is none) */
	uint64_t idle_ns; /* waiting for requests: spinning and asleep */
	uint64_t voluntary_switches, involuntary_switches;
	uint64_t futex_calls; /* see struct compress_stats */
};

struct compress_stats {
	uint64_t elapsed_ns; /* since compress_create() */
	uint64_t submitted; /* requests */
	uint64_t submitted_pages;
	/* -EBUSY, in pages: of these and submitted_pages it is the busy ratio,
	 * busy_pages / (busy_pages + submitted_pages). */
	uint64_t busy_pages;
	uint64_t collected;
	/* The submitter's time inside of these calls, by cause; but for wait_ns
	 * taken from one call in 16. */
	uint64_t scan_ns; /* looking for room, handing over */
	uint64_t wait_ns; /* for room, or in compress_collect() for results */
	uint64_t collect_ns;
	uint64_t submitter_futex_calls;
	/*
	 * Futex calls of the ring engine are counted where they are made. Those
	 * of locked are its library's; counted are the ones that it cannot do
	 * without (a wait on a condition, a signal to somebody who waits, a
	 * lock that is taken): a lower bound.
	 */
	unsigned int nr_workers;
	unsigned int nr_cpus; /* that this process may run on */
	uint64_t spin_ns; /* what was chosen */
	unsigned int max_awake; /* what was chosen */
	struct compress_worker_stats worker[COMPRESS_MAX_THREADS];
};

struct compress;

/* The default for requests of up to @max_pages, 1..COMPRESS_MAX_PAGES. */
unsigned int compress_capacity(unsigned int max_pages);

/**
 * compress_create() - start the workers; they sleep until there is something.
 *
 * Return: 0; -EINVAL: @params out of range; -ENOMEM, or what pthread_create()
 * said; with a sentence.
 */
int compress_create(const struct compress_params *params,
		    struct compress **ret_compress, struct error *err);

/* Ends the workers; requests that were not collected are dropped, in the time
 * that the ones being worked on take. @c may be NULL. Results are void. */
void compress_destroy(struct compress *c);

/**
 * compress_submit() - give a request to a worker that has room.
 *
 * Context: the submitter.
 * Return: 0: taken; -EBUSY: no worker has room, and @wait is off; -EAGAIN: no
 * buffer is left (never, if all results were collected since the last call and
 * at most max_held of them were not released); -EINVAL: @job out of range.
 */
int compress_submit(struct compress *c, const struct compress_job *job);

/* Would compress_submit() say -EBUSY now? Never with @wait; nor does the engine
 * "locked" tell beforehand. Context: the submitter. */
bool compress_busy(struct compress *c);

/**
 * compress_collect() - the next request that is finished.
 * @wait: wait for it; not for ever: a worker always finishes.
 * @ret_result: untouched if there is none.
 *
 * Context: the submitter.
 * Return: true: there is one; false: none is finished, with @wait: none is
 * under way either.
 */
bool compress_collect(struct compress *c, struct compress_result *ret_result,
		      bool wait);

/* The result's bytes have been sent, or will not be. Once for each result that
 * was collected; in any order. Context: the submitter. */
void compress_release(struct compress *c, const struct compress_result *result);

/* Requests submitted and not collected. Context: the submitter. */
uint64_t compress_outstanding(const struct compress *c);

/* A snapshot; counters only grow. Context: any thread, until
 * compress_destroy(). */
void compress_get_stats(const struct compress *c, struct compress_stats *ret);

#endif
