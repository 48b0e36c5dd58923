/* SPDX-License-Identifier: MIT */
/*
 * The limit of moving bytes through a process: one sends, one passes on with
 * recv() and send(), one receives, over UNIX stream sockets; from memory and to
 * memory of that size.
 *
 * usage: bare_relay BYTES PIECE REPEAT: median milliseconds
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint8_t *piece;
static size_t piece_bytes;

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int send_all(int fd, const uint8_t *data, size_t bytes)
{
	while (bytes) {
		ssize_t n = send(fd, data, bytes, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		data += n;
		bytes -= (size_t)n;
	}
	return 0;
}

/* Memory that is there: a state comes from somewhere, and goes somewhere. */
static uint8_t *memory(uint64_t bytes)
{
	uint8_t *p = malloc(bytes);

	if (!p)
		_exit(99);
	memset(p, 1, bytes);
	return p;
}

/* Sends @bytes each time that it is asked to. */
static void source(int fd, uint64_t bytes)
{
	uint8_t *from = memory(bytes);
	uint64_t at;
	char go;

	while (recv(fd, &go, 1, 0) == 1)
		for (at = 0; at < bytes;) {
			size_t n = bytes - at < piece_bytes ? bytes - at
							    : piece_bytes;

			if (send_all(fd, from + at, n))
				_exit(1);
			at += n;
		}
	_exit(0);
}

/* Says so when all has come. */
static void sink(int fd, uint64_t bytes)
{
	uint8_t *to = memory(bytes);
	uint64_t at = 0;
	ssize_t n;

	for (;;) {
		size_t most =
			bytes - at < piece_bytes ? bytes - at : piece_bytes;

		n = recv(fd, to + at, most, 0);
		if (n <= 0)
			break;
		at += (uint64_t)n;
		if (at < bytes)
			continue;
		at = 0;
		if (send_all(fd, to, 1))
			_exit(1);
	}
	_exit(0);
}

static int child(int fd[2], void (*run)(int, uint64_t), uint64_t bytes)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	switch (fork()) {
	case -1:
		return -1;
	case 0:
		close(pair[0]);
		if (*fd >= 0)
			close(*fd);
		run(pair[1], bytes);
		_exit(0);
	default:
		close(pair[1]);
		fd[1] = pair[0];
		return 0;
	}
}

static double turn(int from, int to, uint64_t bytes)
{
	double begin = now_ms();
	uint64_t left = bytes;
	char go = 0;

	if (send(from, &go, 1, MSG_NOSIGNAL) != 1)
		return -1;
	while (left) {
		ssize_t n = recv(from, piece, piece_bytes, 0);

		if (n <= 0 || send_all(to, piece, (size_t)n))
			return -1;
		left -= (uint64_t)n;
	}
	return recv(to, &go, 1, 0) == 1 ? now_ms() - begin : -1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	uint64_t bytes = argc == 4 ? strtoull(argv[1], NULL, 0) : 0;
	unsigned int repeat = argc == 4 ? (unsigned int)atoi(argv[3]) : 0, i;
	int a[2] = { -1, -1 }, b[2];
	double *ms;

	piece_bytes = argc == 4 ? strtoull(argv[2], NULL, 0) : 0;
	if (!bytes || !piece_bytes || !repeat) {
		fputs("usage: bare_relay BYTES PIECE REPEAT\n", stderr);
		return 2;
	}
	piece = calloc(1, piece_bytes);
	ms = calloc(repeat, sizeof(*ms));
	if (!piece || !ms || child(a, source, bytes))
		return 99;
	b[0] = a[1];
	if (child(b, sink, bytes))
		return 99;
	turn(a[1], b[1], bytes);
	for (i = 0; i < repeat; i++)
		ms[i] = turn(a[1], b[1], bytes);
	close(a[1]);
	close(b[1]);
	while (wait(NULL) > 0)
		;
	qsort(ms, repeat, sizeof(*ms), compare);
	printf("%.4f\n", ms[repeat / 2]);
	free(ms);
	free(piece);
	return 0;
}
