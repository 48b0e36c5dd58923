/* SPDX-License-Identifier: MIT */
/* TCP_INFO, with SYN and FIN taken off its byte counts. */
#include "drive/tcp_info.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel's header: glibc's tcp_info ends before the byte counts. */
#include <linux/tcp.h>

/* Values of tcpi_state. Source: include/net/tcp_states.h. */
enum {
	STATE_FIN_WAIT2 = 5,
	STATE_TIME_WAIT = 6,
	STATE_CLOSE = 7,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_CLOSING = 11,
};

static bool has_acked_fin(int state)
{
	return state == STATE_FIN_WAIT2 || state == STATE_TIME_WAIT ||
	       state == STATE_CLOSE;
}

static bool has_received_fin(int state)
{
	return state == STATE_TIME_WAIT || state == STATE_CLOSE ||
	       state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK ||
	       state == STATE_CLOSING;
}

static uint64_t less(uint64_t bytes, unsigned int n)
{
	return bytes > n ? bytes - n : 0;
}

int tcp_info_parse(const void *info_bytes, size_t bytes, bool connected,
		   struct tcp_counts *ret_counts)
{
	struct tcp_info info = { 0 };

	if (bytes < offsetof(struct tcp_info, tcpi_reord_seen))
		return -ENODATA;
	memcpy(&info, info_bytes, bytes < sizeof(info) ? bytes : sizeof(info));
	ret_counts->acked_bytes =
		less(info.tcpi_bytes_acked,
		     connected + has_acked_fin(info.tcpi_state));
	ret_counts->received_bytes = less(info.tcpi_bytes_received,
					  has_received_fin(info.tcpi_state));
	ret_counts->sent_bytes = info.tcpi_bytes_sent;
	ret_counts->repeated_bytes = info.tcpi_bytes_retrans;
	ret_counts->rtt_ns = info.tcpi_rtt * 1000ull;
	return 0;
}

int tcp_info_read(int fd, bool connected, struct tcp_counts *ret_counts)
{
	struct tcp_info info = { 0 };
	socklen_t bytes = sizeof(info);
	int domain;
	socklen_t domain_bytes = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_bytes))
		return -errno;
	if (domain == AF_UNIX)
		return -EOPNOTSUPP;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes))
		return -errno;
	return tcp_info_parse(&info, bytes, connected, ret_counts);
}
