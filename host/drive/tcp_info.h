/* SPDX-License-Identifier: MIT */
/* What the kernel counted on a TCP connection. */
#ifndef VMFERRY_DRIVE_TCP_INFO_H
#define VMFERRY_DRIVE_TCP_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_counts {
	uint64_t acked_bytes; /* payload that the peer's kernel has */
	uint64_t received_bytes; /* payload that came from the peer */
	uint64_t sent_bytes; /* payload on the wire, with what was repeated */
	uint64_t repeated_bytes;
	uint64_t rtt_ns; /* smoothed */
};

/**
 * tcp_info_read() - the payload counts of a TCP socket.
 * @fd: any TCP socket that is or was connected.
 * @connected: this side called connect(): the kernel counts its SYN as a byte.
 *
 * SYN and FIN, which the kernel counts as bytes, are taken off. After a reset
 * the state no longer tells whether there was a FIN: then .received_bytes may
 * be one too small, and .acked_bytes likewise; exact until then.
 *
 * Return: 0, -EOPNOTSUPP or -EINVAL for another kind of socket, -ENODATA if
 * the kernel is too old to count bytes.
 * Source: include/uapi/linux/tcp.h; RFC 4898, tcpEStatsAppHCThruOctetsAcked.
 */
int tcp_info_read(int fd, bool connected, struct tcp_counts *ret_counts);

/* The same of a struct tcp_info that the kernel gave otherwise; -ENODATA. */
int tcp_info_parse(const void *info, size_t bytes, bool connected,
		   struct tcp_counts *ret_counts);

#endif
