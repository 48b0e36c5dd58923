/* SPDX-License-Identifier: MIT */
/* The workers of one side of a migration, a pool for each channel. */
#include "migrate/pools.h"

#include <string.h>

void pools_init(struct pools *p)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
}

void pools_exit(struct pools *p)
{
	pools_close(p);
	pthread_mutex_destroy(&p->lock);
}

/* Of all threads, those of one channel: what is left over goes to the first. */
static unsigned int share(unsigned int threads, unsigned int nr_channels,
			  unsigned int channel)
{
	unsigned int n = threads / nr_channels;

	if (channel < threads % nr_channels)
		n++;
	return n ? n : 1;
}

int pools_open(struct pools *p, const struct migrate_compress *how,
	       enum codec_direction direction, unsigned int nr_channels,
	       unsigned int max_held, struct error *err)
{
	struct compress_params params = {
		.engine = how->engine,
		.direction = direction,
		.codec = codec_by_id(how->codec),
		.level = how->level,
		.wait = how->wait,
		.max_pages = how->max_pages,
		.max_held = max_held,
		.spin_ns = COMPRESS_SPIN_AUTO,
	};
	struct compress *pool;
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < nr_channels; i++) {
		params.nr_threads = share(how->nr_threads, nr_channels, i);
		rc = compress_create(&params, &pool, err);
		if (rc)
			break;
		pthread_mutex_lock(&p->lock);
		p->pool[p->nr++] = pool;
		pthread_mutex_unlock(&p->lock);
	}
	if (rc)
		pools_close(p);
	return rc;
}

static void add(struct compress_stats *sum, const struct compress_stats *s)
{
	unsigned int i;

	if (s->elapsed_ns > sum->elapsed_ns)
		sum->elapsed_ns = s->elapsed_ns;
	sum->submitted += s->submitted;
	sum->submitted_pages += s->submitted_pages;
	sum->busy_pages += s->busy_pages;
	sum->collected += s->collected;
	sum->scan_ns += s->scan_ns;
	sum->wait_ns += s->wait_ns;
	sum->collect_ns += s->collect_ns;
	sum->submitter_futex_calls += s->submitter_futex_calls;
	sum->nr_cpus = s->nr_cpus;
	sum->spin_ns = s->spin_ns;
	sum->max_awake += s->max_awake;
	for (i = 0; i < s->nr_workers; i++)
		if (sum->nr_workers < COMPRESS_MAX_THREADS)
			sum->worker[sum->nr_workers++] = s->worker[i];
}

/* Lock held. */
static void sum_up(const struct pools *p, struct compress_stats *sum)
{
	struct compress_stats one;
	unsigned int i;

	*sum = p->final;
	for (i = 0; i < p->nr; i++) {
		compress_get_stats(p->pool[i], &one);
		add(sum, &one);
	}
}

void pools_stats(struct pools *p, struct compress_stats *ret_stats)
{
	pthread_mutex_lock(&p->lock);
	sum_up(p, ret_stats);
	pthread_mutex_unlock(&p->lock);
}

void pools_close(struct pools *p)
{
	struct compress_stats sum;

	pthread_mutex_lock(&p->lock);
	sum_up(p, &sum);
	p->final = sum;
	while (p->nr)
		compress_destroy(p->pool[--p->nr]);
	pthread_mutex_unlock(&p->lock);
}

struct compress *pools_get(struct pools *p, unsigned int channel)
{
	struct compress *pool;

	pthread_mutex_lock(&p->lock);
	pool = channel < p->nr ? p->pool[channel] : NULL;
	pthread_mutex_unlock(&p->lock);
	return pool;
}

enum wire_kind pools_kind(enum codec_id codec)
{
	switch (codec) {
	case CODEC_ZLIB:
	case CODEC_LIBDEFLATE:
		return WIRE_DEFLATE;
	case CODEC_ZSTD:
		return WIRE_ZSTD;
	case CODEC_LZ4:
		return WIRE_LZ4;
	default:
		return WIRE_RAW;
	}
}

enum codec_id pools_codec(enum wire_kind kind)
{
	switch (kind) {
	case WIRE_DEFLATE:
		/* The same format, in half the time of zlib's. */
		return CODEC_LIBDEFLATE;
	case WIRE_ZSTD:
		return CODEC_ZSTD;
	case WIRE_LZ4:
		return CODEC_LZ4;
	default:
		return CODEC_NONE;
	}
}
