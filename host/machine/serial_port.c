/* SPDX-License-Identifier: MIT */
/* The guest's console on a descriptor: a socket, a terminal, or nothing. */
#include "machine/state.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/address.h"

/* How long a guest waits for a reader that doesn't keep up. */
#define STALL_LIMIT_MS 200

/* From a vCPU thread. A reader that is gone or stuck loses output: the guest
 * must not hang on its console. */
void serial_port_write(void *ctx, const uint8_t *bytes, size_t nr_bytes)
{
	struct machine *m = ctx;
	struct pollfd pfd = { .fd = m->serial_out_fd, .events = POLLOUT };
	ssize_t n;

	while (nr_bytes && m->serial_out_fd >= 0) {
		if (poll(&pfd, 1, STALL_LIMIT_MS) <= 0 ||
		    !(pfd.revents & POLLOUT))
			return;
		/* Small enough that a ready pipe or socket takes it. */
		n = write(m->serial_out_fd, bytes,
			  nr_bytes < 512 ? nr_bytes : 512);
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			bytes += n;
			nr_bytes -= (size_t)n;
		}
	}
}

void serial_port_room(void *ctx)
{
	struct machine *m = ctx;

	eventfd_write(m->room_fd, 1);
}

static void push_pending(struct machine *m)
{
	size_t n = vm_serial_push(m->vm, m->pending, m->nr_pending);

	m->nr_pending -= n;
	memmove(m->pending, m->pending + n, m->nr_pending);
	/* A full port stops the reading until the guest has made room. */
	qmp_server_modify_fd(m->qmp, m->serial_in_fd,
			     m->nr_pending ? 0 : POLLIN);
}

static void on_room(void *ctx, int fd, short revents)
{
	struct machine *m = ctx;
	eventfd_t ignored;

	eventfd_read(fd, &ignored);
	if (m->serial_in_fd >= 0)
		push_pending(m);
}

static void on_input(void *ctx, int fd, short revents)
{
	struct machine *m = ctx;
	ssize_t n;

	if (m->nr_pending)
		return;
	n = read(fd, m->pending, sizeof(m->pending));
	/* At its end, or gone: else the loop would spin on it. */
	if (!n || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		qmp_server_remove_fd(m->qmp, fd);
		return;
	}
	m->nr_pending = n > 0 ? (size_t)n : 0;
	push_pending(m);
}

int serial_port_open(struct machine *m, struct error *err)
{
	const char *where = m->params->serial;
	int rc = 0;

	m->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->room_fd < 0)
		return error_set(err, -errno, "cannot create an eventfd: %s",
				 strerror(errno));
	if (!where || !strcmp(where, "none"))
		return 0;
	if (!strcmp(where, "stdio")) {
		m->serial_in_fd = STDIN_FILENO;
		m->serial_out_fd = STDOUT_FILENO;
	} else {
		rc = address_connect(where, &m->serial_in_fd, err);
		m->serial_out_fd = m->serial_in_fd;
	}
	if (!rc)
		rc = qmp_server_add_fd(m->qmp, m->room_fd, POLLIN, on_room, m);
	if (!rc)
		rc = qmp_server_add_fd(m->qmp, m->serial_in_fd, POLLIN,
				       on_input, m);
	if (rc)
		error_set(err, rc, "cannot use %s as serial port: %s", where,
			  strerror(-rc));
	return rc;
}

void serial_port_close(struct machine *m)
{
	if (m->serial_in_fd > STDERR_FILENO)
		close(m->serial_in_fd);
	if (m->room_fd >= 0)
		close(m->room_fd);
}
