/* SPDX-License-Identifier: MIT */
/*
 * What this machine can do at best, in one run: a socket by size of send, into
 * memory that is there (warm) and that is not (cold); a splice(2) relay
 * between two; memcpy; pages cleared. MiB/s, and CPU seconds a GiB of all
 * threads. Turns are interleaved; medians, and the ends.
 *
 * "warm" pages of a socket's target are mapped but in no cache. Memory that
 * the machine itself gets on first touch is touched in a turn that does not
 * count.
 *
 * usage: limits [--json] [MiB [REPEATS]]
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "perf/bare.h"
#include "perf/perf.h"

#define MAX_TURNS 99u
#define PAGE 4096u
#define HUGE_PAGE (2u << 20)

enum what { UNIX, TCP, RELAY, COPY, CLEAR, STORE };

static const char *const names[] = {
	[UNIX] = "unix socket",	  [TCP] = "tcp loopback",
	[RELAY] = "splice relay", [COPY] = "memcpy",
	[CLEAR] = "first touch",  [STORE] = "memset",
};

struct limit {
	enum what what;
	size_t piece; /* bytes a call; of CLEAR: the page */
	bool cold; /* the target's pages are not there yet */
};

static const struct limit limits[] = {
	{ UNIX, 4 << 10, false },    { UNIX, 16 << 10, false },
	{ UNIX, 64 << 10, false },   { UNIX, 256 << 10, false },
	{ UNIX, 1 << 20, false },    { UNIX, 4 << 10, true },
	{ UNIX, 16 << 10, true },    { UNIX, 64 << 10, true },
	{ UNIX, 256 << 10, true },   { UNIX, 1 << 20, true },
	{ TCP, 4 << 10, false },     { TCP, 16 << 10, false },
	{ TCP, 64 << 10, false },    { TCP, 256 << 10, false },
	{ TCP, 1 << 20, false },     { TCP, 4 << 10, true },
	{ TCP, 16 << 10, true },     { TCP, 64 << 10, true },
	{ TCP, 256 << 10, true },    { TCP, 1 << 20, true },
	{ RELAY, 256 << 10, false }, { COPY, PAGE, false },
	{ COPY, 1 << 20, false },    { COPY, PAGE, true },
	{ STORE, PAGE, false },	     { STORE, HUGE_PAGE, false },
	{ CLEAR, PAGE, true },	     { CLEAR, HUGE_PAGE, true },
};

#define NR_LIMITS (sizeof(limits) / sizeof(limits[0]))

static struct {
	double mib_per_s[MAX_TURNS], cpu_s_per_gib[MAX_TURNS];
} seen[NR_LIMITS];

static uint8_t *source, *warm;
static size_t bytes = 256u << 20;

/* What comes in on one socket goes out on another, through a pipe. */
struct relay {
	int in, out;
};

static void *relay_loop(void *arg)
{
	const struct relay *r = arg;
	ssize_t n, m;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		return NULL;
	fcntl(fd[1], F_SETPIPE_SZ, 1 << 20);
	while ((n = splice(r->in, NULL, fd[1], NULL, 1 << 20, SPLICE_F_MOVE)) >
	       0)
		while (n > 0) {
			m = splice(fd[0], NULL, r->out, NULL, (size_t)n,
				   SPLICE_F_MOVE);
			if (m <= 0)
				break;
			n -= m;
		}
	close(fd[0]);
	close(fd[1]);
	return NULL;
}

static void send_all(const struct limit *l, uint8_t *target)
{
	struct bare_end tx = { .memory = source,
			       .bytes = bytes,
			       .piece = l->piece };
	struct bare_end rx = { .memory = target,
			       .bytes = bytes,
			       .piece = l->piece };
	bool relayed = l->what == RELAY;
	pthread_t receiver, between;
	struct relay r;
	int a[2], b[2];

	bare_sockets(l->what == TCP, a);
	tx.fd = a[0];
	rx.fd = a[1];
	if (relayed) {
		bare_sockets(false, b);
		r = (struct relay){ .in = a[1], .out = b[0] };
		rx.fd = b[1];
		pthread_create(&between, NULL, relay_loop, &r);
	}
	pthread_create(&receiver, NULL, bare_receive, &rx);
	bare_send(&tx);
	shutdown(tx.fd, SHUT_WR);
	pthread_join(receiver, NULL);
	if (relayed) {
		pthread_join(between, NULL);
		close(b[0]);
		close(b[1]);
	}
	close(a[0]);
	close(a[1]);
}

static void copy_all(const struct limit *l, uint8_t *target)
{
	size_t at;

	for (at = 0; at < bytes; at += l->piece)
		memcpy(target + at, source + at, l->piece);
}

static void store_all(const struct limit *l, uint8_t *target)
{
	size_t at;

	for (at = 0; at < bytes; at += l->piece)
		memset(target + at, 0, l->piece);
}

static void touch_all(const struct limit *l, uint8_t *target)
{
	size_t at;

	for (at = 0; at < bytes; at += l->piece)
		*(volatile uint8_t *)(target + at) = 1;
}

static void (*const runs[])(const struct limit *l, uint8_t *target) = {
	[UNIX] = send_all, [TCP] = send_all,	[RELAY] = send_all,
	[COPY] = copy_all, [CLEAR] = touch_all, [STORE] = store_all,
};

static void measure(size_t at, unsigned int turn)
{
	const struct limit *l = &limits[at];
	bool huge = l->what == CLEAR && l->piece == HUGE_PAGE;
	uint8_t *target = l->cold ? bare_map_cold(bytes, huge) : warm;
	double gib = (double)bytes / (1u << 30), s;
	uint64_t begin = clock_now_ns(), cpu = perf_cpu_ns();

	runs[l->what](l, target);
	s = (double)(clock_now_ns() - begin) / 1e9;
	cpu = perf_cpu_ns() - cpu;
	if (l->cold)
		bare_unmap(target, bytes);
	seen[at].mib_per_s[turn] = gib * 1024 / s;
	seen[at].cpu_s_per_gib[turn] = (double)cpu / 1e9 / gib;
}

static void print(size_t at, unsigned int turns)
{
	const struct limit *l = &limits[at];
	double *rate = seen[at].mib_per_s;
	double median = perf_median(rate, turns);

	printf("%-12s %5zu KiB %-4s %7.0f MiB/s (%.0f to %.0f), %.3f CPU "
	       "s/GiB\n",
	       names[l->what], l->piece >> 10, l->cold ? "cold" : "warm",
	       median, rate[0], rate[turns - 1],
	       perf_median(seen[at].cpu_s_per_gib, turns));
}

static void print_json(size_t at, unsigned int turns)
{
	const struct limit *l = &limits[at];
	double *rate = seen[at].mib_per_s;
	double median = perf_median(rate, turns);

	printf("  {\"what\": \"%s\", \"piece_bytes\": %zu, \"cold\": %s, "
	       "\"n\": %u,\n"
	       "   \"mib_per_s\": {\"median\": %.1f, \"min\": %.1f, \"max\": "
	       "%.1f},\n"
	       "   \"cpu_s_per_gib\": {\"median\": %.4f}}%s\n",
	       names[l->what], l->piece, l->cold ? "true" : "false", turns,
	       median, rate[0], rate[turns - 1],
	       perf_median(seen[at].cpu_s_per_gib, turns),
	       at + 1 == NR_LIMITS ? "" : ",");
}

int main(int argc, char **argv)
{
	bool json = argc > 1 && !strcmp(argv[1], "--json");
	unsigned int turns, turn;
	size_t i;

	argv += json;
	argc -= json;
	if (argc > 1)
		bytes = strtoul(argv[1], NULL, 10) << 20;
	turns = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 5;
	if (!bytes || bytes % HUGE_PAGE || !turns || turns > MAX_TURNS) {
		fputs("usage: limits [--json] [MiB (even) [REPEATS, 1 to "
		      "99]]\n",
		      stderr);
		return 2;
	}
	source = bare_map(bytes, true);
	warm = bare_map(bytes, false);
	perf_print_load(json ? stderr : stdout);
	/* The first turn is overwritten: it only warms up. */
	for (turn = 0; turn <= turns; turn++)
		for (i = 0; i < NR_LIMITS; i++)
			measure(i, turn ? turn - 1 : 0);
	if (json)
		puts("[");
	for (i = 0; i < NR_LIMITS; i++)
		if (json)
			print_json(i, turns);
		else
			print(i, turns);
	if (json)
		puts("]");
	perf_print_load(json ? stderr : stdout);
	return 0;
}
