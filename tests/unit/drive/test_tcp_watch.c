/* SPDX-License-Identifier: MIT */
/* Are the kernel's counts of others' connections exact, open and ended? */
#include "drive/tcp_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "drive/tcp_info.h"
#include "unit/unit.h"

#define NR 40

struct port {
	int listen_fd;
	struct sockaddr_in at;
};

static void port_open(struct port *p)
{
	socklen_t bytes = sizeof(p->at);

	p->at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listen_fd, (void *)&p->at, sizeof(p->at)), 0);
	assert_int_equal(listen(p->listen_fd, NR), 0);
	assert_int_equal(getsockname(p->listen_fd, (void *)&p->at, &bytes), 0);
}

/* A connection over which @bytes have gone, and half as many back. */
static void talk(const struct port *p, size_t bytes, int ret[2])
{
	static char data[70000];

	assert_true(bytes <= sizeof(data));
	ret[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ret[0], (const void *)&p->at, sizeof(p->at)),
			 0);
	ret[1] = accept(p->listen_fd, NULL, NULL);
	assert_int_equal(send(ret[0], data, bytes, 0), bytes);
	assert_int_equal(recv(ret[1], data, bytes, MSG_WAITALL), bytes);
	assert_int_equal(send(ret[1], data, bytes / 2, 0), bytes / 2);
	assert_int_equal(recv(ret[0], data, bytes / 2, MSG_WAITALL), bytes / 2);
}

static struct tcp_watch *watch_or_skip(const struct port *p)
{
	struct tcp_watch *w;
	int rc = tcp_watch_create(ntohs(p->at.sin_port), &w, NULL);

	if (rc == -EPERM || rc == -EACCES || rc == -ENOENT ||
	    rc == -EPROTONOSUPPORT)
		skip();
	assert_int_equal(rc, 0);
	return w;
}

static void settled(struct tcp_watch *w, struct tcp_watch_counts *ret)
{
	uint64_t until_ns = clock_now_ns() + 5 * NSEC_PER_SEC;

	do {
		clock_sleep_until_ns(clock_now_ns() + NSEC_PER_MSEC);
		assert_int_equal(tcp_watch_read(w, ret), 0);
	} while (ret->nr_pending && clock_now_ns() < until_ns);
	assert_int_equal(ret->nr_pending, 0);
}

static void counts_open_and_ended(void **state)
{
	struct tcp_watch_counts counts;
	struct port port, other;
	struct tcp_watch *w;
	int pair[NR][2], elsewhere[2];
	uint64_t sum = 0;
	unsigned int i;

	port_open(&port);
	port_open(&other);
	w = watch_or_skip(&port);
	assert_int_equal(tcp_watch_read(w, &counts), 0);
	assert_int_equal(counts.nr_connections, 0);
	assert_int_equal(counts.bytes, 0);
	talk(&other, 12345, elsewhere);
	for (i = 0; i < NR; i++) {
		talk(&port, 1000 + i * 1234, pair[i]);
		sum += 1000 + i * 1234;
	}
	settled(w, &counts);
	assert_int_equal(counts.nr_connections, NR);
	assert_int_equal(counts.bytes, sum);
	/* Some end by us, some by the peer, some by its reset. */
	for (i = 0; i < NR; i++) {
		struct linger reset = { .l_onoff = i % 3 == 2 };

		setsockopt(pair[i][1], SOL_SOCKET, SO_LINGER, &reset,
			   sizeof(reset));
		close(pair[i][i % 3 != 0]);
		close(pair[i][i % 3 == 0]);
	}
	close(elsewhere[0]);
	close(elsewhere[1]);
	settled(w, &counts);
	assert_int_equal(counts.nr_connections, NR);
	assert_int_equal(counts.bytes, sum);
	tcp_watch_destroy(w);
	close(port.listen_fd);
	close(other.listen_fd);
}

/* Nobody has looked while they lived: their notices are all there is. */
static void counts_by_notice_alone(void **state)
{
	struct tcp_watch_counts counts = { 0 };
	uint64_t until_ns = clock_now_ns() + 5 * NSEC_PER_SEC;
	struct port port;
	struct tcp_watch *w;
	unsigned int i;
	int pair[2];

	port_open(&port);
	w = watch_or_skip(&port);
	for (i = 0; i < NR; i++) {
		talk(&port, 5000, pair);
		close(pair[0]);
		close(pair[1]);
	}
	while (counts.nr_connections < NR && clock_now_ns() < until_ns)
		settled(w, &counts);
	assert_int_equal(counts.nr_connections, NR);
	assert_int_equal(counts.bytes, NR * 5000);
	tcp_watch_destroy(w);
	close(port.listen_fd);
}

static void an_older_kernel_counts_none(void **state)
{
	struct tcp_counts counts = { .sent_bytes = 7 };
	char info[512] = { 0 };

	assert_int_equal(tcp_info_parse(info, 0, true, &counts), -ENODATA);
	/* Linux 4.6: up to tcpi_min_rtt. */
	assert_int_equal(tcp_info_parse(info, 148, true, &counts), -ENODATA);
	assert_int_equal(counts.sent_bytes, 7);
	assert_int_equal(tcp_info_parse(info, sizeof(info), true, &counts), 0);
	assert_int_equal(counts.sent_bytes, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_open_and_ended),
		cmocka_unit_test(counts_by_notice_alone),
		cmocka_unit_test(an_older_kernel_counts_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
