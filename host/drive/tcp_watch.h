/* SPDX-License-Identifier: MIT */
/*
 * The bytes of other processes' TCP connections, by the kernel's own counts.
 *
 * Open connections are asked for (sock_diag); of those that end the kernel
 * sends a last notice with their counts. Nothing touches the connections.
 */
#ifndef VMFERRY_DRIVE_TCP_WATCH_H
#define VMFERRY_DRIVE_TCP_WATCH_H

#include <stdint.h>

#include "base/error.h"

#define TCP_WATCH_MAX 1024u /* connections of one watch */

struct tcp_watch;

struct tcp_watch_counts {
	uint64_t bytes; /* payload sent to the port, each byte once */
	unsigned int nr_connections; /* so far */
	unsigned int nr_pending; /* ended, and their notice is to come */
};

/**
 * tcp_watch_create() - count what is sent to a port from now on.
 * @port: connections of this network namespace to it, IPv4 and IPv6.
 *
 * To be made before they connect: one that has ended earlier is not counted.
 * No privilege is needed on the kernels that we know.
 *
 * Return: 0; -EPERM or -EACCES if the notices are not permitted; -ENOENT or
 * -EPROTONOSUPPORT if the kernel has none.
 * Source: man 7 sock_diag; include/uapi/linux/sock_diag.h, enum
 * sknetlink_groups.
 */
int tcp_watch_create(uint16_t port, struct tcp_watch **ret_watch,
		     struct error *err);
void tcp_watch_destroy(struct tcp_watch *watch);

/**
 * tcp_watch_read() - the counts as of now.
 *
 * Exact once the connections have sent all and none is pending; a notice
 * takes some milliseconds. One that its own side resets (SO_LINGER of 0) stays
 * pending: its counts are gone with it.
 *
 * Context: one thread at a time.
 * Return: 0, -ENOBUFS if notices were lost, -E2BIG beyond TCP_WATCH_MAX, or
 * what netlink said.
 */
int tcp_watch_read(struct tcp_watch *watch, struct tcp_watch_counts *ret);

#endif
