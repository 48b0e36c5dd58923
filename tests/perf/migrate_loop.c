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
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "base/buf.h"
#include "base/clock.h"
#include "migrate/migrate.h"

#define LOOP_BYTES (1u << 20)
/* As channel_socket.c has it. */
#define BUFFER_BYTES (512 * 1024)

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

static void *bare_receiver(void *ctx)
{
	struct end *e = ctx;
	size_t at = 0;

	while (at < e->m->bytes) {
		size_t left = e->m->bytes - at;
		ssize_t n = recv(e->fd, e->m->ram + at,
				 left < LOOP_BYTES ? left : LOOP_BYTES, 0);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return NULL;
}

static void bare_sender(struct end *e)
{
	size_t at = 0;

	while (at < e->m->bytes) {
		size_t left = e->m->bytes - at;
		ssize_t n = send(e->fd, e->m->ram + at,
				 left < LOOP_BYTES ? left : LOOP_BYTES,
				 MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
}

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

static void size_buffers(int fd)
{
	int bytes = getenv("LOOP_BUFFER") ? atoi(getenv("LOOP_BUFFER"))
					  : BUFFER_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

/* MiB/s. */
static double measure(struct machine *from, struct machine *to, int engine,
		      double *downtime_us)
{
	struct end a = { .m = from }, b = { .m = to };
	uint64_t begin_ns;
	pthread_t thread;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return 0;
	a.fd = fd[0];
	b.fd = fd[1];
	size_buffers(a.fd);
	size_buffers(b.fd);
	begin_ns = clock_now_ns();
	pthread_create(&thread, NULL, engine ? engine_receiver : bare_receiver,
		       &b);
	if (engine)
		engine_sender(&a);
	else
		bare_sender(&a);
	pthread_join(thread, NULL);
	*downtime_us = a.downtime_us;
	if (!engine) {
		close(fd[0]);
		close(fd[1]);
	}
	return (double)from->bytes / (1 << 20) /
	       ((double)(clock_now_ns() - begin_ns) / 1e9);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void make(struct machine *m, size_t bytes, int content)
{
	uint64_t word = 1;
	size_t i;

	m->bytes = bytes;
	m->ram = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m->ram == MAP_FAILED)
		exit(99);
	for (i = 0; content && i < bytes; i += 8) {
		word = word * 6364136223846793005ull + 1442695040888963407ull;
		memcpy(m->ram + i, &word, 8);
	}
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	int repeats = argc > 2 ? atoi(argv[2]) : 7, i;
	struct machine from = { 0 }, to = { 0 };
	double bare[99], engine[99], stopped[99], none;

	if (!mib || repeats < 1 || repeats > 99)
		return 2;
	make(&from, mib << 20, 1);
	make(&to, mib << 20, 0);
	measure(&from, &to, 0, &none);
	measure(&from, &to, 1, &none);
	for (i = 0; i < repeats; i++) {
		bare[i] = measure(&from, &to, 0, &none);
		engine[i] = measure(&from, &to, 1, &stopped[i]);
	}
	qsort(bare, (size_t)repeats, sizeof(bare[0]), by_value);
	qsort(engine, (size_t)repeats, sizeof(engine[0]), by_value);
	qsort(stopped, (size_t)repeats, sizeof(stopped[0]), by_value);
	printf("bare %.0f MiB/s (%.0f..%.0f), engine %.0f MiB/s (%.0f..%.0f), "
	       "quotient of the medians %.3f, downtime of an idle machine %.0f us\n",
	       bare[repeats / 2], bare[0], bare[repeats - 1],
	       engine[repeats / 2], engine[0], engine[repeats - 1],
	       engine[repeats / 2] / bare[repeats / 2], stopped[repeats / 2]);
	return memcmp(from.ram, to.ram, from.bytes) ? 1 : 0;
}
