/* SPDX-License-Identifier: MIT */
/*
 * The limit that full_stretch.sh measures against: two processes, a UNIX
 * socket pair, a loop of send() and one of recv(), and nothing else.
 *
 * Usage: stretch_loop MIB cold|warm. The memory sent is random and populated;
 * that of the receiver is populated (warm) or not (cold). Prints milliseconds
 * and the CPU seconds of both. Prepared before the clock starts: as with a
 * migration, whose machines stand ready.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define STEP_BYTES ((size_t)1 << 20)
/* As the engine's channels have it (host/migrate/channel_socket.c). */
#define BUFFER_BYTES (512 * 1024)

static uint8_t *map(size_t bytes, bool populate)
{
	uint8_t *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS |
				   (populate ? MAP_POPULATE : 0),
			   -1, 0);

	if (at != MAP_FAILED)
		return at;
	perror("stretch_loop: no memory");
	exit(99);
}

static void fill(uint8_t *at, size_t bytes)
{
	uint64_t word = 1;
	size_t i;

	for (i = 0; i < bytes; i += 8) {
		word = word * 6364136223846793005ull + 1442695040888963407ull;
		memcpy(at + i, &word, 8);
	}
}

/* All of it in steps; ends the process if the other side is gone. */
static void transfer(int fd, uint8_t *at, size_t bytes, bool out)
{
	while (bytes) {
		size_t step = bytes < STEP_BYTES ? bytes : STEP_BYTES;
		ssize_t n = out ? send(fd, at, step, MSG_NOSIGNAL)
				: recv(fd, at, step, 0);

		if (n <= 0)
			_exit(1);
		at += n;
		bytes -= (size_t)n;
	}
}

static double cpu_s(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Says when it is ready, and how much CPU time the rest took. */
static void receive(int fd, size_t bytes, bool warm)
{
	uint8_t *to = map(bytes, warm), go = 1;
	double before = cpu_s(RUSAGE_SELF), took;

	transfer(fd, &go, 1, true);
	transfer(fd, to, bytes, false);
	took = cpu_s(RUSAGE_SELF) - before;
	transfer(fd, (uint8_t *)&took, sizeof(took), true);
	_exit(0);
}

static void size_buffers(int fd)
{
	int bytes = BUFFER_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

int main(int argc, char **argv)
{
	size_t bytes = argc == 3 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	bool warm = argc == 3 && !strcmp(argv[2], "warm");
	double before, theirs;
	uint64_t begin_ns;
	uint8_t *from, go;
	int fd[2];

	if (!bytes || (!warm && strcmp(argv[2], "cold"))) {
		fprintf(stderr, "usage: stretch_loop MIB cold|warm\n");
		return 2;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return 99;
	size_buffers(fd[0]);
	size_buffers(fd[1]);
	if (!fork())
		receive(fd[1], bytes, warm);
	close(fd[1]);
	from = map(bytes, true);
	fill(from, bytes);
	transfer(fd[0], &go, 1, false);
	before = cpu_s(RUSAGE_SELF);
	begin_ns = clock_now_ns();
	transfer(fd[0], from, bytes, true);
	/* The receiver answers when it has all of it. */
	transfer(fd[0], (uint8_t *)&theirs, sizeof(theirs), false);
	printf("%.3f %.4f\n", (double)(clock_now_ns() - begin_ns) / 1e6,
	       cpu_s(RUSAGE_SELF) - before + theirs);
	wait(NULL);
	return 0;
}
