/* SPDX-License-Identifier: MIT */
/* The bare loops. */
#include "perf/bare.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"

static void *map(size_t bytes, int flags)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (at != MAP_FAILED)
		return at;
	perror("no memory");
	exit(99);
}

uint8_t *bare_map(size_t bytes, bool random)
{
	uint8_t *at = map(bytes, MAP_POPULATE);

	if (random)
		bare_fill(at, bytes);
	return at;
}

void bare_fill(uint8_t *at, size_t bytes)
{
	uint64_t word = 1;
	size_t i;

	for (i = 0; i < bytes; i += 8) {
		word = word * 6364136223846793005ull + 1442695040888963407ull;
		memcpy(at + i, &word, 8);
	}
}

uint8_t *bare_map_cold(size_t bytes, bool huge)
{
	uint8_t *at = map(bytes, 0);

	madvise(at, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return at;
}

void bare_unmap(uint8_t *memory, size_t bytes)
{
	munmap(memory, bytes);
}

void bare_size_buffers(int fd)
{
	int bytes = getenv("LOOP_BUFFER") ? atoi(getenv("LOOP_BUFFER"))
					  : (int)BARE_BUFFER_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

static int tcp_sockets(int fd[2])
{
	struct sockaddr_in at;
	socklen_t bytes = sizeof(at);
	char address[64];
	int listen_fd, rc;

	rc = address_listen("tcp:127.0.0.1:0", &listen_fd, NULL);
	if (rc)
		return rc;
	rc = getsockname(listen_fd, (struct sockaddr *)&at, &bytes);
	snprintf(address, sizeof(address), "tcp:127.0.0.1:%u",
		 ntohs(at.sin_port));
	if (!rc)
		rc = address_connect(address, &fd[0], NULL);
	if (!rc)
		rc = address_accept(listen_fd, 5000, &fd[1], NULL);
	close(listen_fd);
	return rc;
}

void bare_sockets(bool tcp, int fd[2])
{
	int rc = tcp ? tcp_sockets(fd)
		     : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);

	if (rc) {
		fputs("no sockets\n", stderr);
		exit(99);
	}
	bare_size_buffers(fd[0]);
	bare_size_buffers(fd[1]);
}

static size_t next(const struct bare_end *e, size_t at)
{
	return e->bytes - at < e->piece ? e->bytes - at : e->piece;
}

size_t bare_take(const struct bare_end *e)
{
	size_t at = 0;

	while (at < e->bytes) {
		ssize_t n = recv(e->fd, e->memory + at, next(e, at), 0);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return at;
}

void *bare_receive(void *arg)
{
	bare_take(arg);
	return NULL;
}

size_t bare_send(const struct bare_end *e)
{
	size_t at = 0;

	while (at < e->bytes) {
		ssize_t n =
			send(e->fd, e->memory + at, next(e, at), MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return at;
}
