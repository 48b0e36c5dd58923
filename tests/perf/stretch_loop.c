/* SPDX-License-Identifier: MIT */
/*
 * The limit that full_stretch.sh measures against: two processes, a UNIX
 * socket pair, a loop of send() and one of recv(), and nothing else.
 *
 * Usage: stretch_loop MIB cold|warm [thp]. The memory sent is random and populated;
 * that of the receiver is populated (warm) or not (cold). Prints milliseconds
 * and the CPU seconds of both. Prepared before the clock starts: as with a
 * migration, whose machines stand ready. Pages are of 4 KiB, or with thp huge.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "perf/bare.h"

#define STEP_BYTES ((size_t)1 << 20)

/* Pages of 4 KiB or huge, there already or not. */
static uint8_t *map(size_t bytes, bool populate, bool thp)
{
	uint8_t *at = bare_map_cold(bytes, thp);

	if (populate)
		memset(at, 1, bytes);
	return at;
}

/* All of it in steps; ends the process if the other side is gone. */
static void transfer(int fd, void *at, size_t bytes, bool out)
{
	const struct bare_end end = { fd, at, bytes, STEP_BYTES };

	if ((out ? bare_send(&end) : bare_take(&end)) != bytes)
		_exit(1);
}

static double cpu_s(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Says when it is ready, and how much CPU time the rest took. */
static void receive(int fd, size_t bytes, bool warm, bool thp)
{
	uint8_t *to = map(bytes, warm, thp), go = 1;
	double before = cpu_s(RUSAGE_SELF), took;

	transfer(fd, &go, 1, true);
	transfer(fd, to, bytes, false);
	took = cpu_s(RUSAGE_SELF) - before;
	transfer(fd, &took, sizeof(took), true);
	_exit(0);
}

int main(int argc, char **argv)
{
	bool thp = argc == 4 && !strcmp(argv[3], "thp");
	size_t bytes = argc == 3 + thp ? strtoul(argv[1], NULL, 10) << 20 : 0;
	bool warm = bytes && !strcmp(argv[2], "warm");
	double before, theirs;
	uint64_t begin_ns;
	uint8_t *from, go;
	int fd[2];

	if (!bytes || (!warm && strcmp(argv[2], "cold"))) {
		fprintf(stderr, "usage: stretch_loop MIB cold|warm [thp]\n");
		return 2;
	}
	bare_sockets(false, fd);
	if (!fork())
		receive(fd[1], bytes, warm, thp);
	close(fd[1]);
	from = map(bytes, true, thp);
	bare_fill(from, bytes);
	transfer(fd[0], &go, 1, false);
	before = cpu_s(RUSAGE_SELF);
	begin_ns = clock_now_ns();
	transfer(fd[0], from, bytes, true);
	/* The receiver answers when it has all of it. */
	transfer(fd[0], &theirs, sizeof(theirs), false);
	printf("%.3f %.4f\n", (double)(clock_now_ns() - begin_ns) / 1e6,
	       cpu_s(RUSAGE_SELF) - before + theirs);
	wait(NULL);
	return 0;
}
