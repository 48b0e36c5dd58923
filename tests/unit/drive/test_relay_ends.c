/* SPDX-License-Identifier: MIT */
/* Does each side learn what became of the other, and nothing leak? */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"

#include "relay_link.h"

#include "../unit.h"

#define MIB (1024u * 1024)
#define PROMPT_NS (500 * NSEC_PER_MSEC)

static void reset_and_close(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* What a blocked reader gets: bytes, 0 = end, or -errno; -ETIMEDOUT. */
static int next_read(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	if (poll(&pfd, 1, 5000) != 1)
		return -ETIMEDOUT;
	n = recv(fd, buf, sizeof(buf), 0);
	return n < 0 ? -errno : (int)n;
}

/* One side ends, the other goes on, then ends too. */
static void half_close_passes(void **state)
{
	struct relay_stats stats;
	int near, far, tcp;
	struct link link;

	for (tcp = 0; tcp < 2; tcp++) {
		link_open(&link, tcp, (struct relay_params){ 0 });
		link_connect(&link, &near, &far);
		assert_int_equal(write(near, "abc", 3), 3);
		shutdown(near, SHUT_WR);
		assert_int_equal(next_read(far), 3);
		assert_int_equal(next_read(far), 0);
		assert_int_equal(write(far, "defg", 4), 4);
		assert_int_equal(next_read(near), 4);
		relay_stats(link.relay, &stats);
		assert_int_equal(stats.nr_open, 1);
		close(far);
		assert_int_equal(next_read(near), 0);
		wait_stats(&link, &stats, !stats.nr_open);
		close(near);
		link_close(&link);
	}
}

/* A reset on one side is one on the other, behind the bytes before it. */
static void a_reset_passes(void **state)
{
	struct relay_connection c;
	struct relay_stats stats;
	int end[2], from;
	struct link link;

	for (from = 0; from < 2; from++) {
		link_open(&link, true, (struct relay_params){ 0 });
		link_connect(&link, &end[0], &end[1]);
		assert_int_equal(write(end[from], "abc", 3), 3);
		wait_stats(&link, &stats,
			   stats.forward.bytes + stats.backward.bytes == 3);
		reset_and_close(end[from]);
		assert_int_equal(next_read(end[!from]), 3);
		assert_int_equal(next_read(end[!from]), -ECONNRESET);
		wait_stats(&link, &stats, !stats.nr_open);
		assert_int_equal(relay_connection(link.relay, 0, &c), 0);
		assert_int_equal(c.error, -ECONNRESET);
		close(end[!from]);
		link_close(&link);
	}
}

/* A target that dies while a source sends: the source fails at once. */
static void a_lost_target_is_noticed(void **state)
{
	static const uint64_t delays[] = { 0, NSEC_PER_MSEC };
	struct pump send = { .bytes = UINT64_MAX };
	struct relay_stats stats;
	uint64_t lost_ns;
	unsigned int i;
	int near, far;
	struct link link;

	for (i = 0; i < 4; i++) {
		link_open(&link, i & 1,
			  (struct relay_params){ .delay_ns = delays[i / 2] });
		link_connect(&link, &near, &far);
		send.fd = near;
		pump_send(&send);
		wait_stats(&link, &stats, stats.forward.bytes);
		lost_ns = clock_now_ns();
		close(far);
		pump_join(&send);
		assert_true(send.error == ECONNRESET || send.error == EPIPE);
		assert_true(clock_now_ns() - lost_ns < PROMPT_NS);
		wait_stats(&link, &stats, !stats.nr_open);
		assert_int_equal(stats.buffered_bytes, 0);
		close(near);
		link_close(&link);
	}
}

/* Also a source that only waits for an answer. Over UNIX, where an end that
 * takes nothing any more is told from a half close, it can't write either. */
static void a_waiting_source_reads_the_end(void **state)
{
	struct relay_stats stats;
	int near, far, tcp;
	struct link link;

	for (tcp = 0; tcp < 2; tcp++) {
		link_open(&link, tcp, (struct relay_params){ 0 });
		link_connect(&link, &near, &far);
		close(far);
		assert_int_equal(next_read(near), 0);
		if (!tcp) {
			wait_stats(&link, &stats, !stats.nr_open);
			assert_int_equal(send(near, "a", 1, MSG_NOSIGNAL), -1);
			assert_int_equal(errno, EPIPE);
		}
		close(near);
		link_close(&link);
	}
}

static void a_target_that_refuses_resets_the_source(void **state)
{
	struct relay_stats stats;
	int near, far, tcp, got;
	struct link link;

	for (tcp = 0; tcp < 2; tcp++) {
		link_open(&link, tcp, (struct relay_params){ 0 });
		close(link.listen_fd);
		assert_int_equal(
			address_connect(relay_address(link.relay), &near, NULL),
			0);
		got = next_read(near);
		assert_true(got == -ECONNRESET || (!tcp && got == 0));
		close(near);
		wait_stats(&link, &stats, stats.nr_unreached == 1);
		/* The relay lives, and serves the target once it is there. */
		assert_int_equal(
			address_listen(link.target, &link.listen_fd, NULL), 0);
		link_connect(&link, &near, &far);
		assert_int_equal(write(near, "x", 1), 1);
		assert_int_equal(next_read(far), 1);
		close(near);
		close(far);
		link_close(&link);
	}
}

/* The target's backlog is full: the connection waits for its turn. */
static void a_full_backlog_is_waited_for(void **state)
{
	int near[8], far, i;
	struct relay_stats stats;
	struct link link;

	link_open(&link, false, (struct relay_params){ 0 });
	assert_int_equal(listen(link.listen_fd, 1), 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(address_connect(relay_address(link.relay),
						 &near[i], NULL),
				 0);
	wait_stats(&link, &stats, stats.nr_connections >= 3);
	for (i = 0; i < 8; i++) {
		assert_int_equal(
			address_accept(link.listen_fd, 5000, &far, NULL), 0);
		assert_int_equal(write(near[i], "x", 1), 1);
		assert_int_equal(next_read(far), 1);
		close(far);
		close(near[i]);
	}
	relay_stats(link.relay, &stats);
	assert_int_equal(stats.nr_unreached, 0);
	link_close(&link);
}

static void a_target_that_never_accepts_times_out(void **state)
{
	struct relay_stats stats;
	int near[4], i;
	struct link link;

	link_open(&link, false,
		  (struct relay_params){ .connect_timeout_ns =
						 20 * NSEC_PER_MSEC });
	assert_int_equal(listen(link.listen_fd, 0), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(address_connect(relay_address(link.relay),
						 &near[i], NULL),
				 0);
	wait_stats(&link, &stats, stats.nr_unreached == 3);
	for (i = 0; i < 4; i++)
		close(near[i]);
	link_close(&link);
}

static void destroyed_under_way_resets_both(void **state)
{
	struct pump send = { .bytes = UINT64_MAX }, receive = { 0 };
	struct relay_stats stats;
	unsigned int before = count_fds();
	struct link link;
	int tcp;

	for (tcp = 0; tcp < 2; tcp++) {
		link_open(&link, tcp, (struct relay_params){ 0 });
		link_connect(&link, &send.fd, &receive.fd);
		pump_send(&send);
		pump_receive(&receive);
		wait_stats(&link, &stats, stats.forward.bytes > MIB);
		link_close(&link);
		pump_join(&send);
		pump_join(&receive);
		assert_true(send.error == ECONNRESET || send.error == EPIPE);
		assert_false(receive.wrong);
		close(send.fd);
		close(receive.fd);
	}
	assert_int_equal(count_fds(), before);
}

static void a_thousand_connections_leak_nothing(void **state)
{
	unsigned int before, i;
	struct relay_connection c;
	struct relay_stats stats;
	int near, far, tcp;
	struct link link;

	for (tcp = 0; tcp < 2; tcp++) {
		link_open(&link, tcp, (struct relay_params){ 0 });
		before = count_fds();
		for (i = 0; i < 1000; i++) {
			link_connect(&link, &near, &far);
			assert_int_equal(write(near, "x", 1), 1);
			assert_int_equal(next_read(far), 1);
			if (i % 3 == 1)
				reset_and_close(near);
			else
				close(near);
			if (i % 3 == 2)
				reset_and_close(far);
			else
				close(far);
		}
		wait_stats(&link, &stats, !stats.nr_open);
		wait_stats(&link, &stats, count_fds() == before);
		assert_int_equal(stats.nr_connections, 1000);
		assert_int_equal(stats.forward.bytes, 1000);
		assert_int_equal(relay_connection(link.relay, 999, &c), 0);
		assert_int_equal(c.forward.bytes, 1);
		link_close(&link);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_close_passes),
		cmocka_unit_test(a_reset_passes),
		cmocka_unit_test(a_lost_target_is_noticed),
		cmocka_unit_test(a_waiting_source_reads_the_end),
		cmocka_unit_test(a_target_that_refuses_resets_the_source),
		cmocka_unit_test(a_full_backlog_is_waited_for),
		cmocka_unit_test(a_target_that_never_accepts_times_out),
		cmocka_unit_test(destroyed_under_way_resets_both),
		cmocka_unit_test(a_thousand_connections_leak_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
