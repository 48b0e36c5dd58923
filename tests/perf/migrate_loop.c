/* SPDX-License-Identifier: MIT */
/*
 * How near does the engine come to the bare socket?
 *
 * Sends the same memory of random content to the same warm memory over a UNIX
 * socket pair, by turns with send()/recv() loops and with the engine, and
 * reports both rates and their quotient. Usage: migrate_loop [MiB [repeats]].
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "base/buf.h"
#include "base/clock.h"
#include "migrate/migrate.h"
#include "perf/bare.h"
#include "perf/perf.h"

#define LOOP_BYTES (1u << 20)

struct machine {
	uint8_t *ram;
	size_t bytes;
	uint64_t *dirty;
};

static unsigned int nr_regions(void *vm)
{
	return 1;
}

static void region(void *vm, unsigned int index, struct migrate_region *ret)
{
	struct machine *m = vm;

	*ret = (struct migrate_region){ 0, m->bytes, m->ram };
}

static int nothing(void *vm)
{
	return 0;
}

static int fetch(void *vm, unsigned int index, uint64_t *bitmap, size_t bytes)
{
	return 0;
}

static int clear(void *vm, unsigned int index, uint64_t first, uint64_t nr,
		 const uint64_t *bitmap)
{
	return 0;
}

static int save(void *vm, struct buf *state)
{
	return buf_append(state, "state", 5);
}

static int load(void *vm, const uint8_t *state, size_t bytes)
{
	return 0;
}

static const struct migrate_vm_ops ops = {
	.nr_regions = nr_regions,
	.region = region,
	.log_start = nothing,
	.log_stop = nothing,
	.fetch_dirty = fetch,
	.clear_dirty = clear,
	.pause = nothing,
	.resume = nothing,
	.save_state = save,
	.load_state = load,
};

struct end {
	struct machine *m;
	int fd;
	double downtime_us;
};

static void *engine_receiver(void *ctx)
{
	struct end *e = ctx;
	struct migrate_target *tgt;
	struct channel *ch;

	channel_from_fd(e->fd, &ch);
	migrate_target_create(&ops, e->m, ch, NULL, &tgt);
	if (migrate_target_run(tgt, true))
		fprintf(stderr, "the target failed\n");
	migrate_target_destroy(tgt);
	channel_close(ch);
	return NULL;
}

static void engine_sender(struct end *e)
{
	struct migrate_params params = { .downtime_limit_ns = NSEC_PER_SEC };
	struct migrate_source *src;
	struct migrate_stats stats;
	struct channel *ch;

	channel_from_fd(e->fd, &ch);
	migrate_source_create(&ops, e->m, ch, &params, NULL, &src);
	if (migrate_source_run(src))
		fprintf(stderr, "the source failed\n");
	migrate_source_stats(src, &stats);
	e->downtime_us = (double)stats.downtime_ns / 1e3;
	migrate_source_destroy(src);
	channel_close(ch);
}

/* MiB/s. */
static double measure(struct machine *from, struct machine *to, int engine,
		      double *downtime_us)
{
	struct end a = { .m = from }, b = { .m = to };
	struct bare_end tx = { 0, from->ram, from->bytes, LOOP_BYTES };
	struct bare_end rx = { 0, to->ram, to->bytes, LOOP_BYTES };
	uint64_t begin_ns;
	pthread_t thread;
	int fd[2];

	bare_sockets(false, fd);
	a.fd = tx.fd = fd[0];
	b.fd = rx.fd = fd[1];
	begin_ns = clock_now_ns();
	if (engine)
		pthread_create(&thread, NULL, engine_receiver, &b);
	else
		pthread_create(&thread, NULL, bare_receive, &rx);
	if (engine)
		engine_sender(&a);
	else
		bare_send(&tx);
	pthread_join(thread, NULL);
	*downtime_us = a.downtime_us;
	if (!engine) {
		close(fd[0]);
		close(fd[1]);
	}
	return (double)from->bytes / (1 << 20) /
	       ((double)(clock_now_ns() - begin_ns) / 1e9);
}

static void make(struct machine *m, size_t bytes, bool content)
{
	m->bytes = bytes;
	m->ram = bare_map(bytes, content);
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	int repeats = argc > 2 ? atoi(argv[2]) : 7, i;
	struct machine from = { 0 }, to = { 0 };
	double bare[99], engine[99], stopped[99], none, quotient;
	unsigned int n;

	if (!mib || repeats < 1 || repeats > 99)
		return 2;
	make(&from, mib << 20, true);
	make(&to, mib << 20, false);
	measure(&from, &to, 0, &none);
	measure(&from, &to, 1, &none);
	for (i = 0; i < repeats; i++) {
		bare[i] = measure(&from, &to, 0, &none);
		engine[i] = measure(&from, &to, 1, &stopped[i]);
	}
	n = (unsigned int)repeats;
	quotient = perf_median(engine, n) / perf_median(bare, n);
	printf("bare %.0f MiB/s (%.0f..%.0f), engine %.0f MiB/s (%.0f..%.0f), "
	       "quotient of the medians %.3f, downtime of an idle machine %.0f us\n",
	       perf_median(bare, n), bare[0], bare[n - 1],
	       perf_median(engine, n), engine[0], engine[n - 1], quotient,
	       perf_median(stopped, n));
	return memcmp(from.ram, to.ram, from.bytes) ? 1 : 0;
}
