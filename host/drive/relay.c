/* SPDX-License-Identifier: MIT */
/* The relay as others see it: its start, its end, what can be changed. */
#include "drive/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "drive/relay_internal.h"

/* Channels connect all at once, and a full TCP backlog costs a second. */
#define BACKLOG 256
#define CONNECT_TIMEOUT_NS (10 * NSEC_PER_SEC)

static void wake(struct relay *r)
{
	uint64_t one = 1;

	/* Full, it wakes as well. */
	(void)!write(r->wake_fd, &one, sizeof(one));
}

static int resolve_port(struct relay *r, const char *listen)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage room;
	} addr = { .room = { 0 } };
	socklen_t bytes = sizeof(addr);
	const char *colon = strrchr(listen, ':');

	if (getsockname(r->listen_fd, &addr.any, &bytes))
		return -errno;
	if (addr.any.sa_family == AF_UNIX) {
		strcpy(r->address, listen);
		return 0;
	}
	snprintf(r->address, sizeof(r->address), "%.*s:%u",
		 (int)(colon - listen), listen,
		 ntohs(addr.any.sa_family == AF_INET6 ? addr.in6.sin6_port
						      : addr.in.sin_port));
	return 0;
}

static int watch(struct relay *r, int *fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = fd };

	return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, *fd, &event) ? -errno : 0;
}

static int open_files(struct relay *r, struct error *err)
{
	int rc = address_listen(r->params.listen, &r->listen_fd, err);

	if (rc)
		return rc;
	/* A longer backlog than address_listen()'s, for this socket only. */
	if (listen(r->listen_fd, BACKLOG) ||
	    fcntl(r->listen_fd, F_SETFL, O_NONBLOCK))
		return -errno;
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (r->wake_fd < 0 || r->epoll_fd < 0)
		return -errno;
	rc = watch(r, &r->listen_fd, EPOLLIN | EPOLLET);
	if (!rc)
		rc = watch(r, &r->wake_fd, EPOLLIN | EPOLLET);
	return rc ? rc : resolve_port(r, r->params.listen);
}

static void close_files(struct relay *r)
{
	int *fd[] = { &r->listen_fd, &r->wake_fd, &r->epoll_fd };
	size_t i;

	if (r->listen_fd >= 0)
		address_unlink(r->address);
	for (i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		if (*fd[i] >= 0)
			close(*fd[i]);
}

/* With all signals blocked: a lost peer is an error, not a SIGPIPE, which
 * splice(2) has no flag against. */
static int start_thread(struct relay *r)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&r->thread, NULL, relay_loop, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!rc)
		pthread_setname_np(r->thread, "relay");
	return -rc;
}

static int check_params(const struct relay_params *p, struct error *err)
{
	struct relay *r;

	if (strlen(p->listen) >= sizeof(r->address) ||
	    strlen(p->target) >= sizeof(r->target))
		return error_set(err, -EINVAL,
				 "an address of the relay is too long");
	if (strncmp(p->target, "unix:", 5) && strncmp(p->target, "tcp:", 4))
		return error_set(err, -EINVAL,
				 "the address '%s' is neither unix:PATH nor "
				 "tcp:HOST:PORT",
				 p->target);
	return 0;
}

static struct relay *new_relay(const struct relay_params *params)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->params = *params;
	if (!r->params.connect_timeout_ns)
		r->params.connect_timeout_ns = CONNECT_TIMEOUT_NS;
	strcpy(r->target, params->target);
	r->listen_fd = r->wake_fd = r->epoll_fd = -1;
	r->rate = params->rate_bytes_per_s;
	r->delay_ns = params->delay_ns;
	r->cut_at =
		params->cut_after_bytes ? params->cut_after_bytes : RELAY_NEVER;
	r->last_counts = &r->counts;
	return r;
}

int relay_create(const struct relay_params *params, struct relay **ret_relay,
		 struct error *err)
{
	struct relay *r;
	int rc = check_params(params, err);

	if (rc)
		return rc;
	r = new_relay(params);
	if (!r)
		return -ENOMEM;
	rc = open_files(r, err);
	if (!rc)
		rc = start_thread(r);
	if (rc) {
		close_files(r);
		free(r);
		return error_set(err, rc, "cannot start the relay on %s: %s",
				 params->listen, strerror(-rc));
	}
	/* The caller's strings need not live on. */
	r->params.listen = r->address;
	r->params.target = r->target;
	*ret_relay = r;
	return 0;
}

void relay_destroy(struct relay *r)
{
	if (!r)
		return;
	r->stop = true;
	wake(r);
	pthread_join(r->thread, NULL);
	close_files(r);
	relay_count_exit(r);
	free(r);
}

const char *relay_address(const struct relay *r)
{
	return r->address;
}

void relay_set_rate(struct relay *r, uint64_t rate_bytes_per_s)
{
	r->rate = rate_bytes_per_s;
	wake(r);
}

void relay_set_delay(struct relay *r, uint64_t delay_ns)
{
	r->delay_ns = delay_ns;
	wake(r);
}

void relay_stall(struct relay *r, uint64_t duration_ns)
{
	uint64_t now_ns = clock_now_ns();

	r->stall_until_ns = duration_ns < RELAY_NEVER - now_ns
				    ? now_ns + duration_ns
				    : RELAY_NEVER;
	wake(r);
}

void relay_cut_after(struct relay *r, uint64_t forward_bytes)
{
	r->cut_at = forward_bytes;
	wake(r);
}

void relay_cut(struct relay *r)
{
	relay_cut_after(r, 0);
}
