/* SPDX-License-Identifier: MIT */
/* The guest's console on a descriptor: a socket, a terminal, or nothing. */
#include "machine/state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/address.h"

#define SERVER_SUFFIX ",server=on"

/* How long a guest waits for a reader that doesn't keep up. */
#define STALL_LIMIT_MS 200

/* From a vCPU thread, at the end of a line. */
static void heard_line(struct machine_console *c, int room_fd)
{
	bool whole = c->nr_heard == sizeof(c->heard);

	c->nr_heard = 0;
	if (whole && !memcmp(c->heard, "event ready", sizeof(c->heard)))
		c->ready = true;
	else if (whole && !memcmp(c->heard, "event panic", sizeof(c->heard)))
		c->panicked = true;
	else
		return;
	eventfd_write(room_fd, 1);
}

static void listen_for(struct machine *m, const uint8_t *bytes, size_t nr_bytes)
{
	struct machine_console *c = &m->console;
	size_t i;

	for (i = 0; i < nr_bytes; i++)
		if (bytes[i] == '\n')
			heard_line(c, m->room_fd);
		else if (c->nr_heard < sizeof(c->heard))
			c->heard[c->nr_heard++] = (char)bytes[i];
}

/* A reader that is gone or stuck loses output: the guest
 * must not hang on its console. */
static void write_out(struct machine *m, const uint8_t *bytes, size_t nr_bytes)
{
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

/* From a vCPU thread. */
void serial_port_write(void *ctx, const uint8_t *bytes, size_t nr_bytes)
{
	struct machine *m = ctx;

	write_out(m, bytes, nr_bytes);
	if (m->params->console)
		listen_for(m, bytes, nr_bytes);
}

void serial_port_room(void *ctx)
{
	struct machine *m = ctx;

	eventfd_write(m->room_fd, 1);
}

static void on_input(void *ctx, int fd, short revents);

/* A full port stops the reading until the guest has made room: what its peer
 * has written before it went away is not lost. */
static void watch_input(struct machine *m)
{
	bool wanted = m->has_input && !m->nr_pending;

	if (wanted && !m->input_watched)
		m->input_watched = !qmp_server_add_fd(m->qmp, m->serial_in_fd,
						      POLLIN, on_input, m);
	if (!wanted && m->input_watched) {
		qmp_server_remove_fd(m->qmp, m->serial_in_fd);
		m->input_watched = false;
	}
}

static void push_pending(struct machine *m)
{
	size_t n = vm_serial_push(m->vm, m->pending, m->nr_pending);

	m->nr_pending -= n;
	memmove(m->pending, m->pending + n, m->nr_pending);
	watch_input(m);
}

static void on_room(void *ctx, int fd, short revents)
{
	struct machine *m = ctx;
	eventfd_t ignored;

	eventfd_read(fd, &ignored);
	/* Nobody is left to talk to. */
	if (m->console.panicked && !atomic_flag_test_and_set(&m->ending)) {
		error_set(&m->failure, 0, "the guest has panicked");
		qmp_server_stop(m->qmp);
	}
	if (m->console.ready && !m->console.begun)
		m->has_input = m->console.begun = true;
	push_pending(m);
}

static void on_peer(void *ctx, int listen_fd, short revents);

/* The end of a console: behind all that was written, as one more line. */
static void end_console(struct machine *m)
{
	static const char line[] = "\npoweroff\n";
	const char *text = m->console.mid_line ? line : line + 1;

	m->nr_pending = strlen(text);
	memcpy(m->pending, text, m->nr_pending);
	push_pending(m);
}

/* At its end, or gone: else the loop would spin on it. A server waits for the
 * next one; the descriptor keeps its number, since a vCPU may be writing. */
static void lose_peer(struct machine *m)
{
	m->has_input = false;
	watch_input(m);
	if (m->console.ready)
		end_console(m);
	if (m->serial_listen_fd < 0)
		return;
	dup3(m->serial_null_fd, m->serial_in_fd, O_CLOEXEC);
	qmp_server_add_fd(m->qmp, m->serial_listen_fd, POLLIN, on_peer, m);
}

static void on_input(void *ctx, int fd, short revents)
{
	struct machine *m = ctx;
	ssize_t n = read(fd, m->pending, sizeof(m->pending));

	if (!n || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		lose_peer(m);
		return;
	}
	m->nr_pending = n > 0 ? (size_t)n : 0;
	if (n > 0)
		m->console.mid_line = m->pending[n - 1] != '\n';
	push_pending(m);
}

/* One at a time: the others wait in the backlog. */
static void on_peer(void *ctx, int listen_fd, short revents)
{
	struct machine *m = ctx;
	int fd;

	if (address_accept(listen_fd, 0, &fd, NULL))
		return;
	qmp_server_remove_fd(m->qmp, listen_fd);
	dup3(fd, m->serial_in_fd, O_CLOEXEC);
	close(fd);
	m->has_input = true;
	watch_input(m);
}

/* The address of "ADDRESS,server=on"; false if it is none. */
static bool server_address(const char *where, char *address, size_t room)
{
	size_t n = where ? strlen(where) : 0, tail = strlen(SERVER_SUFFIX);

	if (n <= tail || n - tail >= room ||
	    strcmp(where + n - tail, SERVER_SUFFIX))
		return false;
	snprintf(address, room, "%.*s", (int)(n - tail), where);
	return true;
}

static int serve(struct machine *m, const char *address, struct error *err)
{
	int rc = address_listen(address, &m->serial_listen_fd, err);

	if (rc)
		return rc;
	m->serial_null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	m->serial_in_fd = dup(m->serial_null_fd);
	if (m->serial_in_fd < 0)
		return error_set(err, -errno, "cannot serve %s: %s", address,
				 strerror(errno));
	m->serial_out_fd = m->serial_in_fd;
	rc = qmp_server_add_fd(m->qmp, m->room_fd, POLLIN, on_room, m);
	return rc ? rc
		  : qmp_server_add_fd(m->qmp, m->serial_listen_fd, POLLIN,
				      on_peer, m);
}

int serial_port_open(struct machine *m, struct error *err)
{
	const char *where = m->params->serial;
	char address[256];
	int rc = 0;

	m->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->room_fd < 0)
		return error_set(err, -errno, "cannot create an eventfd: %s",
				 strerror(errno));
	if (!where || !strcmp(where, "none"))
		return 0;
	if (server_address(where, address, sizeof(address)))
		return serve(m, address, err);
	if (!strcmp(where, "stdio")) {
		m->serial_in_fd = STDIN_FILENO;
		m->serial_out_fd = STDOUT_FILENO;
	} else {
		rc = address_connect(where, &m->serial_in_fd, err);
		m->serial_out_fd = m->serial_in_fd;
	}
	if (!rc)
		rc = qmp_server_add_fd(m->qmp, m->room_fd, POLLIN, on_room, m);
	/* A console's guest must be there first. */
	m->has_input = !rc && !m->params->console;
	watch_input(m);
	if (!rc && m->has_input && !m->input_watched)
		rc = -ENOMEM;
	if (rc)
		error_set(err, rc, "cannot use %s as serial port: %s", where,
			  strerror(-rc));
	return rc;
}

void serial_port_close(struct machine *m)
{
	char address[256] = "";

	if (m->serial_in_fd > STDERR_FILENO)
		close(m->serial_in_fd);
	if (m->serial_listen_fd >= 0) {
		close(m->serial_listen_fd);
		server_address(m->params->serial, address, sizeof(address));
		address_unlink(address);
	}
	if (m->serial_null_fd >= 0)
		close(m->serial_null_fd);
	if (m->room_fd >= 0)
		close(m->room_fd);
}
