/* SPDX-License-Identifier: MIT */
/* sock_diag: a dump for the open connections, notices for those that end. */
#include "drive/tcp_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "drive/tcp_info.h"

#define ROOM_BYTES (32u * 1024)
/* Every state but LISTEN (10). Source: include/net/tcp_states.h. */
#define ALL_STATES (0xfffu & ~(1u << 10))

struct entry {
	uint64_t cookie; /* the kernel's number of the socket */
	uint64_t bytes;
	bool closed; /* its notice came: .bytes is final */
	bool open; /* listed by the dump under way */
};

struct tcp_watch {
	int dump_fd, notice_fd;
	uint16_t port;
	uint32_t sequence;
	unsigned int nr;
	struct entry entry[TCP_WATCH_MAX];
	_Alignas(struct nlmsghdr) char room[ROOM_BYTES];
};

static int open_netlink(uint32_t groups, int *ret_fd)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK,
				    .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int rc;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&self, sizeof(self))) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

/* Only notices of connections to @port, lest a busy host's others fill the
 * socket's buffer. */
static int keep_port(int fd, uint16_t port)
{
	const uint32_t dport = sizeof(struct nlmsghdr) +
			       offsetof(struct inet_diag_msg, id.idiag_dport);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, dport),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { .len = 4, .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program))
		       ? -errno
		       : 0;
}

static uint32_t group(enum sknetlink_groups g)
{
	return 1u << (g - 1);
}

static int open_watch(struct tcp_watch *w)
{
	int rc = open_netlink(group(SKNLGRP_INET_TCP_DESTROY) |
				      group(SKNLGRP_INET6_TCP_DESTROY),
			      &w->notice_fd);

	if (!rc)
		rc = keep_port(w->notice_fd, w->port);
	return rc ? rc : open_netlink(0, &w->dump_fd);
}

int tcp_watch_create(uint16_t port, struct tcp_watch **ret_watch,
		     struct error *err)
{
	struct tcp_watch *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->port = port;
	w->dump_fd = w->notice_fd = -1;
	rc = open_watch(w);
	if (rc) {
		tcp_watch_destroy(w);
		return error_set(err, rc,
				 "the kernel gives no notice of TCP "
				 "connections that end: %s",
				 strerror(-rc));
	}
	*ret_watch = w;
	return 0;
}

void tcp_watch_destroy(struct tcp_watch *w)
{
	if (!w)
		return;
	if (w->dump_fd >= 0)
		close(w->dump_fd);
	if (w->notice_fd >= 0)
		close(w->notice_fd);
	free(w);
}

static struct entry *find_or_add(struct tcp_watch *w, uint64_t cookie)
{
	unsigned int i;

	for (i = 0; i < w->nr; i++)
		if (w->entry[i].cookie == cookie)
			return &w->entry[i];
	if (w->nr == TCP_WATCH_MAX)
		return NULL;
	w->entry[w->nr] = (struct entry){ .cookie = cookie };
	return &w->entry[w->nr++];
}

/* Who waits out its time (TIME_WAIT) has no counts: its notice came before. */
static bool find_counts(const struct nlmsghdr *h, struct tcp_counts *ret)
{
	size_t at = NLMSG_LENGTH(sizeof(struct inet_diag_msg));
	const char *base = (const char *)h;
	struct nlattr attr;

	for (; at + sizeof(attr) <= h->nlmsg_len;
	     at += NLMSG_ALIGN(attr.nla_len)) {
		memcpy(&attr, base + at, sizeof(attr));
		if (attr.nla_len < sizeof(attr) ||
		    attr.nla_len > h->nlmsg_len - at)
			return false;
		if (attr.nla_type == INET_DIAG_INFO)
			return !tcp_info_parse(base + at + sizeof(attr),
					       attr.nla_len - sizeof(attr),
					       true, ret);
	}
	return false;
}

static int take_connection(struct tcp_watch *w, const struct nlmsghdr *h,
			   bool closed)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct tcp_counts counts;
	struct entry *e;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return -EPROTO;
	if (ntohs(m->id.idiag_dport) != w->port || !find_counts(h, &counts))
		return 0;
	e = find_or_add(w, m->id.idiag_cookie[0] |
				   (uint64_t)m->id.idiag_cookie[1] << 32);
	if (!e)
		return -E2BIG;
	/* Not the acknowledged ones: their count is one off, or not, by a FIN
	 * that a closed socket no longer tells of. */
	e->bytes = counts.sent_bytes - counts.repeated_bytes;
	e->closed = closed;
	e->open = !closed;
	return 0;
}

static int error_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) || e->error >= 0)
		return -EPROTO;
	return e->error;
}

/* One read's messages. Return: 0, 1 after the end of a dump, or -errno. */
static int take_messages(struct tcp_watch *w, size_t bytes, bool closed)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)w->room;
	int rc = 0;

	for (; !rc && NLMSG_OK(h, bytes); h = NLMSG_NEXT(h, bytes)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return error_of(h);
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			rc = take_connection(w, h, closed);
	}
	return rc;
}

static int dump(struct tcp_watch *w, uint8_t family)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} ask = {
		.header = { .nlmsg_len = sizeof(ask),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			    .nlmsg_seq = ++w->sequence },
		.request = { .sdiag_family = family,
			     .sdiag_protocol = IPPROTO_TCP,
			     .idiag_ext = 1u << (INET_DIAG_INFO - 1),
			     .idiag_states = ALL_STATES,
			     .id.idiag_dport = htons(w->port) },
	};
	ssize_t n;
	int rc = 0;

	if (send(w->dump_fd, &ask, sizeof(ask), 0) < 0)
		return -errno;
	while (!rc) {
		n = recv(w->dump_fd, w->room, sizeof(w->room), 0);
		if (n < 0)
			return -errno;
		rc = take_messages(w, (size_t)n, false);
	}
	return rc > 0 ? 0 : rc;
}

static int take_notices(struct tcp_watch *w)
{
	ssize_t n;
	int rc = 0;

	while (rc >= 0) {
		n = recv(w->notice_fd, w->room, sizeof(w->room), MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		rc = take_messages(w, (size_t)n, true);
	}
	return rc;
}

int tcp_watch_read(struct tcp_watch *w, struct tcp_watch_counts *ret)
{
	struct tcp_watch_counts sum = { 0 };
	unsigned int i;
	int rc;

	for (i = 0; i < w->nr; i++)
		w->entry[i].open = false;
	rc = dump(w, AF_INET);
	if (!rc)
		rc = dump(w, AF_INET6);
	/* After the dump: who ended in between is in one of the two. */
	if (!rc)
		rc = take_notices(w);
	if (rc)
		return rc;
	for (i = 0; i < w->nr; i++) {
		sum.bytes += w->entry[i].bytes;
		sum.nr_pending += !w->entry[i].closed && !w->entry[i].open;
	}
	sum.nr_connections = w->nr;
	*ret = sum;
	return 0;
}
