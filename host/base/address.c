/* SPDX-License-Identifier: MIT */
/* Stream sockets by address. */
#include "base/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"

/* A full backlog wakes nobody when there is room again: so often we look. */
#define DIAL_RETRY_MS 20

struct place {
	struct sockaddr_storage addr;
	socklen_t bytes;
};

static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) ? NULL : text + n;
}

static int parse_unix(const char *path, struct place *p, struct error *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&p->addr;

	if (!*path || strlen(path) >= sizeof(un->sun_path))
		return error_set(
			err, -EINVAL,
			"the socket path '%s' must have 1 to %zu bytes", path,
			sizeof(un->sun_path) - 1);
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	p->bytes = sizeof(*un);
	return 0;
}

static int parse_tcp(const char *text, struct place *p, struct error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	const char *colon = strrchr(text, ':');
	uint64_t port;
	char host[256], service[8];
	size_t n;
	int rc;

	/* getaddrinfo() takes an empty port for 0 and 65537 for 1. */
	if (!colon || (n = (size_t)(colon - text)) >= sizeof(host) ||
	    units_parse_u64(colon + 1, 0, UINT16_MAX, &port))
		return error_set(err, -EINVAL,
				 "the address 'tcp:%s' lacks a port of 0 to "
				 "65535: write tcp:HOST:PORT",
				 text);
	if (n > 1 && text[0] == '[' && text[n - 1] == ']')
		text++, n -= 2;
	memcpy(host, text, n);
	host[n] = '\0';
	snprintf(service, sizeof(service), "%u", (unsigned int)port);
	rc = getaddrinfo(n ? host : NULL, service, &hints, &list);
	if (rc)
		return error_set(err, -EINVAL, "cannot resolve 'tcp:%s': %s",
				 text, gai_strerror(rc));
	memcpy(&p->addr, list->ai_addr, list->ai_addrlen);
	p->bytes = list->ai_addrlen;
	freeaddrinfo(list);
	return 0;
}

static int parse(const char *address, struct place *p, struct error *err)
{
	const char *rest;

	memset(p, 0, sizeof(*p));
	rest = after(address, "unix:");
	if (rest)
		return parse_unix(rest, p, err);
	rest = after(address, "tcp:");
	if (rest)
		return parse_tcp(rest, p, err);
	return error_set(err, -EINVAL,
			 "the address '%s' is neither unix:PATH nor "
			 "tcp:HOST:PORT",
			 address);
}

static int open_socket(const struct place *p, int *ret_fd)
{
	int fd = socket(p->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	if (p->addr.ss_family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	}
	*ret_fd = fd;
	return 0;
}

/*
 * A socket file that nobody has open: left over from a killed process. Asked
 * with a datagram socket, which a live stream socket refuses by its type
 * (EPROTOTYPE): a real connection would be taken by the one who waits there
 * for a peer.
 */
static bool is_stale(const struct place *p)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&p->addr;
	struct stat st;
	bool stale;
	int fd;

	if (p->addr.ss_family != AF_UNIX || lstat(un->sun_path, &st) ||
	    !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)&p->addr, p->bytes) &&
		errno == ECONNREFUSED;
	close(fd);
	return stale;
}

int address_listen(const char *address, int *ret_fd, struct error *err)
{
	struct place p;
	int fd = -1, rc = parse(address, &p, err);

	if (rc)
		return rc;
	if (is_stale(&p))
		unlink(((struct sockaddr_un *)&p.addr)->sun_path);
	rc = open_socket(&p, &fd);
	if (!rc &&
	    (bind(fd, (struct sockaddr *)&p.addr, p.bytes) || listen(fd, 32))) {
		rc = -errno;
		close(fd);
	}
	if (rc)
		return error_set(err, rc, "cannot listen on %s: %s", address,
				 strerror(-rc));
	*ret_fd = fd;
	return 0;
}

int address_connect(const char *address, int *ret_fd, struct error *err)
{
	const char *number = after(address, "fd:");
	struct place p;
	uint64_t value;
	int fd = -1, rc;

	if (number) {
		if (units_parse_u64(number, 0, INT32_MAX, &value))
			return error_set(err, -EINVAL,
					 "'%s' does not name a descriptor",
					 address);
		*ret_fd = (int)value;
		return 0;
	}
	rc = parse(address, &p, err);
	if (rc)
		return rc;
	rc = open_socket(&p, &fd);
	if (!rc && connect(fd, (struct sockaddr *)&p.addr, p.bytes)) {
		rc = -errno;
		close(fd);
	}
	if (rc)
		return error_set(err, rc, "cannot connect to %s: %s", address,
				 strerror(-rc));
	*ret_fd = fd;
	return 0;
}

static int connect_start(const char *address, int *ret_fd, struct error *err)
{
	struct place p;
	int fd = -1, rc = parse(address, &p, err);

	if (!rc)
		rc = open_socket(&p, &fd);
	if (rc)
		return rc;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) ||
	    connect(fd, (struct sockaddr *)&p.addr, p.bytes))
		rc = -errno;
	if (rc && rc != -EINPROGRESS) {
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return rc;
}

int address_connect_start(const char *address, int *ret_fd)
{
	return connect_start(address, ret_fd, NULL);
}

/* 1 as soon as @fd is decided, or 0 when it is time to look again. */
static int wait_decided(int fd, int cancel_fd, uint64_t end_ns)
{
	struct pollfd pfd[] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = cancel_fd, .events = POLLIN },
	};
	int rc;

	if (clock_now_ns() >= end_ns)
		return -ETIMEDOUT;
	rc = poll(pfd, 2, DIAL_RETRY_MS);
	if (rc < 0)
		return errno == EINTR ? 0 : -errno;
	return pfd[1].revents ? -ECANCELED : pfd[0].revents != 0;
}

static int socket_error(int fd)
{
	socklen_t bytes = sizeof(int);
	int error;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) ? -errno
								    : -error;
}

static int dial(const char *address, int cancel_fd, uint64_t end_ns, int *fd,
		struct error *err)
{
	int rc = connect_start(address, fd, err);

	while (rc == -EAGAIN || rc == -EINPROGRESS) {
		int decided = wait_decided(*fd, cancel_fd, end_ns);

		if (decided < 0)
			return decided;
		if (rc == -EAGAIN)
			rc = connect_start(address, fd, err);
		else if (decided)
			rc = socket_error(*fd);
	}
	if (!rc && fcntl(*fd, F_SETFL, 0))
		rc = -errno;
	return rc;
}

int address_dial(const char *address, int cancel_fd, unsigned int timeout_ms,
		 int *ret_fd, struct error *err)
{
	uint64_t end_ns = clock_now_ns() + timeout_ms * NSEC_PER_MSEC;
	int fd = -1, rc;

	if (after(address, "fd:"))
		return address_connect(address, ret_fd, err);
	rc = dial(address, cancel_fd, end_ns, &fd, err);
	if (!rc) {
		*ret_fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	if (rc == -ETIMEDOUT)
		return error_set(err, rc,
				 "cannot connect to %s: nobody accepted within "
				 "%u ms",
				 address, timeout_ms);
	return error_set(err, rc, "cannot connect to %s: %s", address,
			 strerror(-rc));
}

int address_accept(int listen_fd, int timeout_ms, int *ret_fd,
		   struct error *err)
{
	struct pollfd pfd = { .fd = listen_fd, .events = POLLIN };
	int fd, one = 1, rc;

	do {
		rc = poll(&pfd, 1, timeout_ms);
	} while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return error_set(err, -ETIMEDOUT,
				 "nobody connected within %d ms", timeout_ms);
	fd = rc < 0 ? -1 : accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		return error_set(err, rc, "cannot accept a connection: %s",
				 strerror(-rc));
	}
	/* Fails on UNIX sockets, where there is nothing to delay. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*ret_fd = fd;
	return 0;
}

void address_unlink(const char *address)
{
	const char *path = after(address, "unix:");

	if (path)
		unlink(path);
}
