/* SPDX-License-Identifier: MIT */
/* The kernel's own rate: what is left when all of a method is taken away. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "base/compat.h"
#include "prealloc/division.h"
#include "prealloc/prealloc.h"

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool open, quit;
};

struct bare {
	const struct prealloc_range *range;
	struct gate *gate;
	struct division part;
	pthread_t thread;
	bool populate, allocate;
	uint64_t start_ns, end_ns;
	int rc;
};

static int fill(const struct bare *b)
{
	const struct prealloc_range *r = b->range;
	uint64_t offset = b->part.first * r->page_bytes;
	uint64_t bytes = b->part.nr * r->page_bytes, at;
	volatile uint8_t *base = (uint8_t *)r->base + offset;

	if (!bytes)
		return 0;
	if (b->allocate &&
	    fallocate(r->fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes))
		return -errno;
	if (b->populate)
		return madvise((void *)base, bytes, MADV_POPULATE_WRITE)
			       ? -errno
			       : 0;
	for (at = 0; at < bytes; at += r->touch_bytes)
		base[at] = 0;
	return 0;
}

/* Return: it is to quit. */
static bool wait_at_gate(struct gate *gate)
{
	bool quit;

	pthread_mutex_lock(&gate->lock);
	while (!gate->open)
		pthread_cond_wait(&gate->opened, &gate->lock);
	quit = gate->quit;
	pthread_mutex_unlock(&gate->lock);
	return quit;
}

static void *bare_main(void *arg)
{
	struct bare *b = arg;

	if (wait_at_gate(b->gate))
		return NULL;
	b->start_ns = clock_now_ns();
	b->rc = fill(b);
	b->end_ns = clock_now_ns();
	return NULL;
}

/* The caller is one of them. */
static int run(struct bare *bare, unsigned int nr, struct gate *gate)
{
	unsigned int made = 1, i;
	int rc = 0;

	while (!rc && made < nr) {
		rc = -pthread_create(&bare[made].thread, NULL, bare_main,
				     &bare[made]);
		made += !rc;
	}
	pthread_mutex_lock(&gate->lock);
	gate->open = true;
	gate->quit = rc;
	pthread_cond_broadcast(&gate->opened);
	pthread_mutex_unlock(&gate->lock);
	if (!rc)
		bare_main(&bare[0]);
	for (i = 1; i < made; i++)
		pthread_join(bare[i].thread, NULL);
	return rc;
}

static bool is_tmpfs(const struct prealloc_range *range)
{
	struct statfs fs;

	return range->fd >= 0 && !fstatfs(range->fd, &fs) &&
	       fs.f_type == TMPFS_MAGIC;
}

static void add_up(const struct bare *bare, unsigned int nr, int *rc,
		   uint64_t *ret_ns)
{
	uint64_t start_ns = UINT64_MAX, end_ns = 0;
	unsigned int i;

	for (i = 0; i < nr && !*rc; i++) {
		*rc = bare[i].rc;
		if (bare[i].start_ns < start_ns)
			start_ns = bare[i].start_ns;
		if (bare[i].end_ns > end_ns)
			end_ns = bare[i].end_ns;
	}
	if (!*rc)
		*ret_ns = end_ns - start_ns;
}

int prealloc_limit(const struct prealloc_range *range, unsigned int nr_threads,
		   uint64_t *ret_ns)
{
	struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER,
			     .opened = PTHREAD_COND_INITIALIZER };
	uint64_t nr_pages = range->bytes / range->page_bytes;
	struct bare *bare;
	unsigned int i;
	int rc;

	if (!nr_threads || nr_threads > PREALLOC_MAX_THREADS)
		return -EINVAL;
	bare = calloc(nr_threads, sizeof(*bare));
	if (!bare)
		return -ENOMEM;
	for (i = 0; i < nr_threads; i++)
		bare[i] = (struct bare){
			.range = range,
			.gate = &gate,
			.part = division_even(nr_pages, nr_threads, i),
			.populate = prealloc_can_populate(),
			.allocate = is_tmpfs(range),
		};
	rc = run(bare, nr_threads, &gate);
	add_up(bare, nr_threads, &rc, ret_ns);
	free(bare);
	return rc;
}
