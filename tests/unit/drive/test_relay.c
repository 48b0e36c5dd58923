/* SPDX-License-Identifier: MIT */
/* Does every byte pass the relay, and is each of them counted? */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "drive/tcp_info.h"
#include "relay_link.h"
#include "../unit.h"

#define MANY 24
#define MIB (1024u * 1024)

static void refuses_addresses_that_are_none(void **state)
{
	static const struct relay_params bad[] = {
		{ .listen = "nowhere", .target = "unix:/tmp/x" },
		{ .listen = "tcp:127.0.0.1:0", .target = "nowhere" },
		{ .listen = "tcp:127.0.0.1:0", .target = "fd:3" },
		{ .listen = "tcp:127.0.0.1:65536", .target = "unix:/tmp/x" },
	};
	struct relay *relay = NULL;
	unsigned int i, before = count_fds();

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = { "" };

		assert_int_equal(relay_create(&bad[i], &relay, &err), -EINVAL);
		assert_true(err.text[0]);
	}
	assert_null(relay);
	assert_int_equal(count_fds(), before);
}

struct both_ways {
	int near, far;
	struct pump send[2], receive[2];
};

static void both_ways_start(struct both_ways *b, uint64_t forward,
			    uint64_t backward, unsigned int max_piece)
{
	unsigned int i;

	memset(b->send, 0, sizeof(b->send));
	memset(b->receive, 0, sizeof(b->receive));
	for (i = 0; i < 2; i++) {
		b->send[i].fd = i ? b->far : b->near;
		b->receive[i].fd = i ? b->near : b->far;
		b->send[i].bytes = i ? backward : forward;
		b->send[i].shut = true;
		b->send[i].seed = i;
		b->send[i].max_piece = b->receive[i].max_piece = max_piece;
		pump_send(&b->send[i]);
		pump_receive(&b->receive[i]);
	}
}

static void both_ways_end(struct both_ways *b)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		pump_join(&b->send[i]);
		pump_join(&b->receive[i]);
		assert_int_equal(b->send[i].error, 0);
		assert_int_equal(b->receive[i].error, 0);
		assert_false(b->receive[i].wrong);
		assert_int_equal(b->receive[i].done, b->send[i].bytes);
	}
	close(b->near);
	close(b->far);
}

static void check_flow(const struct relay_flow *flow, uint64_t bytes,
		       uint64_t from_ns)
{
	assert_int_equal(flow->bytes, bytes);
	if (!bytes)
		return;
	assert_in_range(flow->first_ns, from_ns, flow->last_ns);
	assert_in_range(flow->last_ns, from_ns, clock_now_ns());
}

static void pass_both_ways(bool tcp, unsigned int max_piece, uint64_t delay_ns)
{
	uint64_t start_ns = clock_now_ns(), forward = 9 * MIB + 17;
	struct relay_connection c;
	struct relay_stats stats;
	struct both_ways b;
	struct link link;

	if (max_piece < 100)
		forward = 20011;
	link_open(&link, tcp, (struct relay_params){ .delay_ns = delay_ns });
	link_connect(&link, &b.near, &b.far);
	both_ways_start(&b, forward, forward / 3, max_piece);
	both_ways_end(&b);
	wait_stats(&link, &stats, !stats.nr_open);
	check_flow(&stats.forward, forward, start_ns);
	check_flow(&stats.backward, forward / 3, start_ns);
	assert_int_equal(stats.nr_connections, 1);
	assert_int_equal(stats.buffered_bytes, 0);
	assert_int_equal(relay_connection(link.relay, 0, &c), 0);
	check_flow(&c.forward, forward, start_ns);
	check_flow(&c.backward, forward / 3, start_ns);
	assert_int_equal(c.error, 0);
	assert_true(c.closed_ns >= c.opened_ns);
	assert_int_equal(relay_connection(link.relay, 1, &c), -ENOENT);
	link_close(&link);
}

static void passes_both_ways(void **state)
{
	static const unsigned int pieces[] = { 7, 5000, 300000 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(pieces); i++) {
		pass_both_ways(false, pieces[i], 0);
		pass_both_ways(true, pieces[i], 0);
		pass_both_ways(false, pieces[i], NSEC_PER_MSEC);
		pass_both_ways(true, pieces[i], NSEC_PER_MSEC);
	}
}

static void many_connections(bool tcp)
{
	struct both_ways b[MANY];
	struct relay_connection c;
	struct relay_stats stats;
	uint64_t sum = 0;
	struct link link;
	unsigned int i;

	link_open(&link, tcp, (struct relay_params){ 0 });
	for (i = 0; i < MANY; i++) {
		link_connect(&link, &b[i].near, &b[i].far);
		both_ways_start(&b[i], 100000 + i, 1000 + i, 20000);
	}
	for (i = 0; i < MANY; i++)
		both_ways_end(&b[i]);
	wait_stats(&link, &stats, !stats.nr_open);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(relay_connection(link.relay, i, &c), 0);
		assert_int_equal(c.forward.bytes, 100000 + i);
		assert_int_equal(c.backward.bytes, 1000 + i);
		sum += c.forward.bytes;
	}
	assert_int_equal(stats.forward.bytes, sum);
	link_close(&link);
}

static void passes_many_connections(void **state)
{
	many_connections(false);
	many_connections(true);
}

/* Who is accepted first is connected first: a migration's main channel. */
static void keeps_the_order_of_connections(void **state)
{
	int near[MANY], far, tcp;
	struct link link;
	unsigned int i;
	char got;

	for (tcp = 0; tcp < 2; tcp++) {
		link_open(&link, tcp, (struct relay_params){ 0 });
		for (i = 0; i < MANY; i++) {
			char name = (char)i;

			assert_int_equal(
				address_connect(relay_address(link.relay),
						&near[i], NULL),
				0);
			assert_int_equal(write(near[i], &name, 1), 1);
		}
		for (i = 0; i < MANY; i++) {
			assert_int_equal(address_accept(link.listen_fd, 5000,
							&far, NULL),
					 0);
			assert_int_equal(read(far, &got, 1), 1);
			assert_int_equal(got, (char)i);
			close(far);
			close(near[i]);
		}
		link_close(&link);
	}
}

/* The kernel's own counts on both outer sockets, and the relay's between. */
static void counts_as_tcp_info_does(void **state)
{
	struct tcp_counts near, far;
	struct both_ways b;
	struct relay_stats stats;
	struct link link;
	unsigned int i;

	link_open(&link, true, (struct relay_params){ 0 });
	link_connect(&link, &b.near, &b.far);
	both_ways_start(&b, 5 * MIB + 1, MIB + 3, 70000);
	for (i = 0; i < 2; i++) {
		pump_join(&b.send[i]);
		pump_join(&b.receive[i]);
	}
	wait_stats(&link, &stats, !stats.nr_open);
	assert_int_equal(tcp_info_read(b.near, true, &near), 0);
	assert_int_equal(tcp_info_read(b.far, false, &far), 0);
	assert_int_equal(stats.forward.bytes, near.acked_bytes);
	assert_int_equal(stats.forward.bytes, far.received_bytes);
	assert_int_equal(stats.backward.bytes, far.acked_bytes);
	assert_int_equal(stats.backward.bytes, near.received_bytes);
	assert_int_equal(stats.forward.bytes, 5 * MIB + 1);
	close(b.near);
	close(b.far);
	link_close(&link);
}

/* While it lives, without the FINs. */
static void counts_live(void **state)
{
	struct tcp_counts counts;
	char buf[3000] = { 0 };
	struct relay_stats stats;
	int near, far, pair[2];
	struct link link;

	link_open(&link, true, (struct relay_params){ 0 });
	link_connect(&link, &near, &far);
	assert_int_equal(write(near, buf, 3000), 3000);
	assert_int_equal(recv(far, buf, 3000, MSG_WAITALL), 3000);
	wait_stats(&link, &stats, stats.forward.bytes == 3000);
	assert_int_equal(stats.nr_open, 1);
	assert_int_equal(tcp_info_read(near, true, &counts), 0);
	assert_int_equal(counts.acked_bytes, 3000);
	assert_int_equal(tcp_info_read(far, false, &counts), 0);
	assert_int_equal(counts.received_bytes, 3000);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(tcp_info_read(pair[0], true, &counts), -EOPNOTSUPP);
	close(pair[0]);
	close(pair[1]);
	close(near);
	close(far);
	link_close(&link);
}

/* A receiver that takes nothing holds the sender up, in bounded memory. */
static void a_slow_receiver_holds_up_the_sender(void **state)
{
	static const uint64_t delays[] = { 0, NSEC_PER_MSEC };
	struct relay_stats stats, later;
	struct pump send = { .bytes = 24 * MIB, .shut = true };
	struct pump receive = { 0 };
	int near, far;
	struct link link;
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_LEN(delays); i++) {
		link_open(&link, i & 1,
			  (struct relay_params){ .delay_ns = delays[i / 2],
						 .delay_buffer_bytes = MIB });
		link_connect(&link, &near, &far);
		send.fd = near;
		receive.fd = far;
		pump_send(&send);
		/* Stuck: the same count at two looks, 50 ms apart. */
		relay_stats(link.relay, &later);
		do {
			stats = later;
			clock_sleep_until_ns(clock_now_ns() +
					     50 * NSEC_PER_MSEC);
			relay_stats(link.relay, &later);
		} while (!later.forward.bytes ||
			 later.forward.bytes != stats.forward.bytes);
		assert_in_range(stats.buffered_bytes, 1, 2 * MIB);
		assert_true(stats.forward.bytes < send.bytes);
		pump_receive(&receive);
		pump_join(&send);
		pump_join(&receive);
		assert_int_equal(receive.done, send.bytes);
		assert_false(receive.wrong);
		close(near);
		close(far);
		link_close(&link);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_addresses_that_are_none),
		cmocka_unit_test(passes_both_ways),
		cmocka_unit_test(passes_many_connections),
		cmocka_unit_test(keeps_the_order_of_connections),
		cmocka_unit_test(counts_as_tcp_info_does),
		cmocka_unit_test(counts_live),
		cmocka_unit_test(a_slow_receiver_holds_up_the_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
