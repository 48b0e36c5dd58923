/* SPDX-License-Identifier: MIT */
/*
 * The kernel's counts of the source's TCP connections: the bytes on the wire
 * where neither a relay nor the VMM counts them, a check of their counts where
 * they do. A single connection is made here and handed over; several (multifd)
 * the source makes itself, and they are watched. So is QEMU's to a relay, where
 * nothing depends on it: let QEMU go its usual way. (The mini VMM keeps a socket
 * that it has shut down, and the kernel's notice comes with the close.)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "drive/run_internal.h"
#include "drive/tcp_info.h"
#include "drive/tcp_watch.h"
#include "qmp/client.h"

#define FD_NAME "vmferry-link"
#define TIMEOUT_MS 10000
/* How long the kernel may take to have all acknowledged and told. */
#define SETTLE_NS NSEC_PER_SEC

/* A file descriptor is one connection; these make more, by the address. */
static bool makes_several(const struct run *r)
{
	const struct run_settings *set = r->set;

	return set->nr_channels > 1 ||
	       json_object_get(r->codec.capabilities, "multifd") ||
	       json_is_true(json_object_get(set->capabilities, "multifd")) ||
	       json_is_true(
		       json_object_get(set->capabilities, "postcopy-preempt"));
}

static void why_not(struct run *r, const char *text)
{
	snprintf(r->out->wire_reason, sizeof(r->out->wire_reason), "%s", text);
}

static void watch(struct run *r)
{
	const char *port = strrchr(r->link, ':');
	struct error why = { "" };

	if (tcp_watch_create((uint16_t)strtoul(port + 1, NULL, 10),
			     &r->wire_watch, &why))
		why_not(r, why.text);
}

/* The copy kept here shares the source's socket: it is closed as soon as the
 * migration has ended, for the target sees the end only then. */
static int hand_over(struct run *r, struct error *err)
{
	int fd, rc = address_dial(r->link, -1, TIMEOUT_MS, &fd, err);

	if (rc)
		return rc;
	rc = qmp_client_send_fd(r->source.qmp, fd, FD_NAME, TIMEOUT_MS, err);
	if (rc)
		close(fd);
	else
		r->wire_fd = fd;
	return rc;
}

int run_wire_open(struct run *r, const char **ret_uri, struct error *err)
{
	*ret_uri = r->link;
	if (strncmp(r->link, "tcp:", 4)) {
		why_not(r, "the kernel counts no bytes of UNIX sockets: "
			   "--transport tcp");
		return 0;
	}
	if (r->source.blind || r->target.blind) {
		why_not(r, "the connection may be made on another host");
		return 0;
	}
	if (r->set->kind == DRIVE_MINI && r->set->nr_channels > 1) {
		why_not(r, "several connections of the mini VMM are counted by "
			   "its channels only");
		return 0;
	}
	if (r->set->kind == DRIVE_QEMU && (r->relay || makes_several(r))) {
		watch(r);
		return 0;
	}
	if (makes_several(r)) {
		why_not(r, "this VMM makes several connections, and counts "
			   "their bytes itself");
		return 0;
	}
	*ret_uri = "fd:" FD_NAME;
	return hand_over(r, err);
}

/* Of our own socket. Return: 0, -EAGAIN while some are not acknowledged. */
static int read_own(const struct run *r, struct run_wire *ret)
{
	struct tcp_counts counts;
	int queued = 0, rc = tcp_info_read(r->wire_fd, true, &counts);

	if (rc)
		return rc;
	*ret = (struct run_wire){
		.bytes = counts.sent_bytes - counts.repeated_bytes,
		.nr_connections = 1,
	};
	return !ioctl(r->wire_fd, SIOCOUTQ, &queued) && queued ? -EAGAIN : 0;
}

static int read_watch(const struct run *r, struct run_wire *ret)
{
	struct tcp_watch_counts counts;
	int rc = tcp_watch_read(r->wire_watch, &counts);

	if (rc)
		return rc;
	*ret = (struct run_wire){
		.bytes = counts.bytes,
		.nr_connections = counts.nr_connections,
	};
	return counts.nr_pending ? -EAGAIN : 0;
}

int run_wire_read(const struct run *r, struct run_wire *ret)
{
	if (r->wire_fd)
		return read_own(r, ret);
	return r->wire_watch ? read_watch(r, ret) : -ENOENT;
}

void run_wire_close(struct run *r)
{
	uint64_t deadline_ns = clock_now_ns() + SETTLE_NS;
	int rc = run_wire_read(r, &r->wire);

	while (rc == -EAGAIN && clock_now_ns() < deadline_ns) {
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
		rc = run_wire_read(r, &r->wire);
	}
	/* Of a peer that is lost the rest is never acknowledged. */
	r->have_wire = !rc || (rc == -EAGAIN && r->wire_fd);
	if (rc && rc != -ENOENT && !r->have_wire)
		why_not(r, "the kernel's counts of the connections came "
			   "incomplete");
	if (r->wire_fd)
		close(r->wire_fd);
	r->wire_fd = 0;
	tcp_watch_destroy(r->wire_watch);
	r->wire_watch = NULL;
}
