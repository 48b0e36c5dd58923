/* SPDX-License-Identifier: MIT */
/* Sockets on both sides of a relay, and threads that fill and empty them. */
#include "relay_link.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "../random.h"
#include "../unit.h"

static void target_address(struct link *link, bool tcp)
{
	static unsigned int nr;
	struct sockaddr_in addr = { 0 };
	socklen_t bytes = sizeof(addr);

	snprintf(link->target, sizeof(link->target),
		 tcp ? "tcp:127.0.0.1:0" : "unix:/tmp/relay-test-%d-%u",
		 (int)getpid(), nr++);
	assert_int_equal(address_listen(link->target, &link->listen_fd, NULL),
			 0);
	if (!tcp)
		return;
	assert_int_equal(
		getsockname(link->listen_fd, (struct sockaddr *)&addr, &bytes),
		0);
	snprintf(link->target, sizeof(link->target), "tcp:127.0.0.1:%u",
		 ntohs(addr.sin_port));
}

void link_open(struct link *link, bool tcp, struct relay_params params)
{
	char listen_at[160];
	struct error err = { "" };

	target_address(link, tcp);
	assert_int_equal(listen(link->listen_fd, 128), 0);
	if (tcp)
		strcpy(listen_at, "tcp:127.0.0.1:0");
	else
		snprintf(listen_at, sizeof(listen_at), "%s-relay",
			 link->target);
	params.listen = listen_at;
	params.target = link->target;
	assert_int_equal(relay_create(&params, &link->relay, &err), 0);
}

void link_close(struct link *link)
{
	relay_destroy(link->relay);
	if (link->listen_fd >= 0)
		close(link->listen_fd);
	address_unlink(link->target);
}

void link_connect(struct link *link, int *ret_near, int *ret_far)
{
	const char *address = relay_address(link->relay);

	assert_int_equal(address_connect(address, ret_near, NULL), 0);
	assert_int_equal(address_accept(link->listen_fd, 5000, ret_far, NULL),
			 0);
}

static uint64_t word_at(uint64_t index)
{
	struct rng rng = { .state = index * 0x2545f4914f6cdd1dull };

	return rng_next(&rng);
}

void stream_fill(void *buf, size_t bytes, uint64_t offset)
{
	uint8_t *out = buf;
	uint64_t word = word_at(offset / 8);
	size_t i;

	for (i = 0; i < bytes; i++, offset++) {
		if (offset % 8 == 0)
			word = word_at(offset / 8);
		out[i] = (uint8_t)(word >> (offset % 8 * 8));
	}
}

bool stream_check(const void *buf, size_t bytes, uint64_t offset)
{
	uint8_t must[4096];
	const uint8_t *in = buf;
	size_t n;

	for (; bytes; bytes -= n, in += n, offset += n) {
		n = bytes < sizeof(must) ? bytes : sizeof(must);
		stream_fill(must, n, offset);
		if (memcmp(must, in, n))
			return false;
	}
	return true;
}

static void *send_all(void *arg)
{
	struct pump *p = arg;
	struct rng rng = { .state = p->seed };
	char *buf = malloc(p->max_piece);
	size_t n;
	ssize_t sent;

	while (p->done < p->bytes) {
		n = 1 + rng_below(&rng, p->max_piece);
		if (n > p->bytes - p->done)
			n = p->bytes - p->done;
		stream_fill(buf, n, p->done);
		sent = send(p->fd, buf, n, MSG_NOSIGNAL);
		if (sent < 0) {
			p->error = errno;
			break;
		}
		p->done += (uint64_t)sent;
	}
	if (p->shut && !p->error)
		shutdown(p->fd, SHUT_WR);
	free(buf);
	return NULL;
}

static void *receive_all(void *arg)
{
	struct pump *p = arg;
	struct rng rng = { .state = p->seed };
	char *buf = malloc(p->max_piece);
	ssize_t n;

	while ((n = recv(p->fd, buf, 1 + rng_below(&rng, p->max_piece), 0)) >
	       0) {
		p->wrong |= !stream_check(buf, (size_t)n, p->done);
		p->done += (uint64_t)n;
	}
	p->error = n < 0 ? errno : 0;
	free(buf);
	return NULL;
}

static void start(struct pump *p, void *(*run)(void *))
{
	if (!p->max_piece)
		p->max_piece = 128 * 1024;
	p->done = 0;
	p->error = 0;
	p->wrong = false;
	assert_int_equal(pthread_create(&p->thread, NULL, run, p), 0);
}

void pump_send(struct pump *p)
{
	start(p, send_all);
}

void pump_receive(struct pump *p)
{
	start(p, receive_all);
}

void pump_join(struct pump *p)
{
	pthread_join(p->thread, NULL);
}

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}
