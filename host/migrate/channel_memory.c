/* SPDX-License-Identifier: MIT */
/* A pair of channels joined by two bounded pipes in memory: for tests. */
#include "migrate/channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "migrate/copy.h"

/* One direction. */
struct pipe {
	uint8_t *data; /* a ring */
	size_t capacity;
	size_t first; /* oldest byte */
	size_t bytes; /* held */
	bool write_end; /* no more bytes will come */
	bool read_end; /* nobody will take them */
};

struct pair {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct pipe pipe[2]; /* end i writes [i] and reads [!i] */
	int refs;
};

struct memory_channel {
	struct channel base;
	struct pair *pair;
	int end; /* 0 or 1 */
};

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The contiguous part behind the newest byte. */
static size_t put(struct pipe *p, const uint8_t *data, size_t bytes)
{
	size_t at = (p->first + p->bytes) % p->capacity;

	bytes = min_size(bytes, p->capacity - p->bytes);
	bytes = min_size(bytes, p->capacity - at);
	copy_racy(p->data + at, data, bytes); /* may be guest memory */
	p->bytes += bytes;
	return bytes;
}

static size_t get(struct pipe *p, uint8_t *data, size_t bytes)
{
	bytes = min_size(bytes, p->bytes);
	bytes = min_size(bytes, p->capacity - p->first);
	memcpy(data, p->data + p->first, bytes);
	p->first = (p->first + bytes) % p->capacity;
	p->bytes -= bytes;
	return bytes;
}

/* As much of @iov as goes without waiting. */
static size_t move(struct pipe *p, const struct iovec *iov, int nr_iov,
		   bool out)
{
	size_t total = 0, done, n;
	int i;

	for (i = 0; i < nr_iov; i++) {
		for (done = 0; done < iov[i].iov_len; done += n) {
			uint8_t *at = (uint8_t *)iov[i].iov_base + done;
			size_t left = iov[i].iov_len - done;

			n = out ? put(p, at, left) : get(p, at, left);
			if (!n)
				return total;
			total += n;
		}
	}
	return total;
}

static ssize_t memory_writev(struct channel *ch, const struct iovec *iov,
			     int nr_iov)
{
	struct memory_channel *mem = (struct memory_channel *)ch;
	struct pair *pair = mem->pair;
	struct pipe *p = &pair->pipe[mem->end];
	ssize_t rc = -EPIPE;

	pthread_mutex_lock(&pair->lock);
	while (!p->read_end && !p->write_end && p->bytes == p->capacity)
		pthread_cond_wait(&pair->changed, &pair->lock);
	if (!p->read_end && !p->write_end) {
		rc = (ssize_t)move(p, iov, nr_iov, true);
		pthread_cond_broadcast(&pair->changed);
	}
	pthread_mutex_unlock(&pair->lock);
	return rc;
}

static ssize_t memory_readv(struct channel *ch, const struct iovec *iov,
			    int nr_iov)
{
	struct memory_channel *mem = (struct memory_channel *)ch;
	struct pair *pair = mem->pair;
	struct pipe *p = &pair->pipe[!mem->end];
	ssize_t rc = 0;

	pthread_mutex_lock(&pair->lock);
	while (!p->read_end && !p->write_end && !p->bytes)
		pthread_cond_wait(&pair->changed, &pair->lock);
	if (!p->read_end) {
		rc = (ssize_t)move(p, iov, nr_iov, false);
		pthread_cond_broadcast(&pair->changed);
	}
	pthread_mutex_unlock(&pair->lock);
	return rc;
}

static int memory_wait(struct channel *ch, uint64_t timeout_ns)
{
	struct memory_channel *mem = (struct memory_channel *)ch;
	struct pair *pair = mem->pair;
	struct pipe *p = &pair->pipe[!mem->end];
	uint64_t end_ns = clock_now_ns() + timeout_ns;
	struct timespec end = {
		.tv_sec = (time_t)(end_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(end_ns % NSEC_PER_SEC),
	};
	int rc = timeout_ns ? 0 : ETIMEDOUT;
	bool ready;

	pthread_mutex_lock(&pair->lock);
	while (!(ready = p->read_end || p->write_end || p->bytes) && !rc)
		rc = pthread_cond_timedwait(&pair->changed, &pair->lock, &end);
	pthread_mutex_unlock(&pair->lock);
	return ready;
}

static bool memory_gone(struct channel *ch)
{
	struct memory_channel *mem = (struct memory_channel *)ch;
	struct pair *pair = mem->pair;
	struct pipe *p = &pair->pipe[!mem->end];
	bool gone;

	pthread_mutex_lock(&pair->lock);
	gone = p->read_end || p->write_end;
	pthread_mutex_unlock(&pair->lock);
	return gone;
}

static void memory_stop_reading(struct channel *ch)
{
	struct memory_channel *mem = (struct memory_channel *)ch;
	struct pair *pair = mem->pair;

	pthread_mutex_lock(&pair->lock);
	pair->pipe[!mem->end].read_end = true;
	pthread_cond_broadcast(&pair->changed);
	pthread_mutex_unlock(&pair->lock);
}

static void memory_shutdown(struct channel *ch)
{
	struct memory_channel *mem = (struct memory_channel *)ch;
	struct pair *pair = mem->pair;

	pthread_mutex_lock(&pair->lock);
	pair->pipe[mem->end].write_end = true;
	pair->pipe[!mem->end].read_end = true;
	pthread_cond_broadcast(&pair->changed);
	pthread_mutex_unlock(&pair->lock);
}

static void pair_free(struct pair *pair)
{
	pthread_cond_destroy(&pair->changed);
	pthread_mutex_destroy(&pair->lock);
	free(pair->pipe[0].data);
	free(pair->pipe[1].data);
	free(pair);
}

static void memory_close(struct channel *ch)
{
	struct memory_channel *mem = (struct memory_channel *)ch;
	struct pair *pair = mem->pair;
	bool last;

	memory_shutdown(ch);
	pthread_mutex_lock(&pair->lock);
	last = !--pair->refs;
	pthread_mutex_unlock(&pair->lock);
	if (last)
		pair_free(pair);
	free(mem);
}

static const struct channel_ops memory_ops = {
	.writev = memory_writev,
	.readv = memory_readv,
	.wait = memory_wait,
	.gone = memory_gone,
	.stop_reading = memory_stop_reading,
	.shutdown = memory_shutdown,
	.close = memory_close,
};

static struct pair *pair_new(size_t capacity)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	pthread_condattr_t attr;
	int i;

	if (!pair)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pair->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&pair->lock, NULL);
	pair->refs = 2;
	for (i = 0; i < 2; i++) {
		pair->pipe[i].capacity = capacity;
		pair->pipe[i].data = malloc(capacity);
		if (!pair->pipe[i].data) {
			pair_free(pair);
			return NULL;
		}
	}
	return pair;
}

int channel_pair(size_t capacity, struct channel **ret_a,
		 struct channel **ret_b)
{
	struct memory_channel *a = calloc(1, sizeof(*a));
	struct memory_channel *b = calloc(1, sizeof(*b));
	struct pair *pair = capacity ? pair_new(capacity) : NULL;

	if (!a || !b || !pair) {
		free(a);
		free(b);
		if (pair)
			pair_free(pair);
		return capacity ? -ENOMEM : -EINVAL;
	}
	a->base.ops = b->base.ops = &memory_ops;
	a->pair = b->pair = pair;
	b->end = 1;
	*ret_a = &a->base;
	*ret_b = &b->base;
	return 0;
}
