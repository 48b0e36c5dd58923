/* SPDX-License-Identifier: MIT */
/* Is the link cut, slowed, delayed and stalled exactly as told? */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"

#include "relay_link.h"

#include "../random.h"
#include "../unit.h"

#define MIB (1024u * 1024)
#define NR_CUTS 100
#define CHANNELS 3

static bool is_loss(int error)
{
	return error == ECONNRESET || error == EPIPE;
}

/* The bytes that arrived over all channels, and that all were cut off. */
static uint64_t run_channels(struct link *link, unsigned int channels)
{
	struct pump send[CHANNELS] = { 0 }, receive[CHANNELS] = { 0 };
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < channels; i++) {
		link_connect(link, &send[i].fd, &receive[i].fd);
		send[i].bytes = UINT64_MAX;
		send[i].seed = i;
		pump_receive(&receive[i]);
	}
	for (i = 0; i < channels; i++)
		pump_send(&send[i]);
	for (i = 0; i < channels; i++) {
		pump_join(&send[i]);
		pump_join(&receive[i]);
		assert_true(is_loss(send[i].error));
		assert_false(receive[i].wrong);
		assert_true(!receive[i].error || is_loss(receive[i].error));
		sum += receive[i].done;
		close(send[i].fd);
		close(receive[i].fd);
	}
	return sum;
}

static void cut_at(struct rng *rng, bool tcp, unsigned int channels,
		   uint64_t delay_ns)
{
	uint64_t bytes = 1 + rng_below(rng, 1ull << rng_below(rng, 24));
	struct relay_connection c;
	struct relay_stats stats;
	struct link link;

	link_open(&link, tcp,
		  (struct relay_params){ .cut_after_bytes = bytes,
					 .delay_ns = delay_ns });
	assert_int_equal(run_channels(&link, channels), bytes);
	wait_stats(&link, &stats, !stats.nr_open);
	assert_int_equal(stats.forward.bytes, bytes);
	assert_true(stats.cut_ns >= stats.forward.last_ns);
	assert_int_equal(stats.buffered_bytes, 0);
	assert_int_equal(relay_connection(link.relay, 0, &c), 0);
	assert_int_equal(c.error, -ECONNABORTED);
	assert_int_equal(c.forward_unacked_bytes, 0);
	link_close(&link);
}

static void cuts_at_any_byte(void **state)
{
	struct rng rng = { 11 };
	unsigned int i;

	for (i = 0; i < NR_CUTS; i++) {
		cut_at(&rng, false, 1, 0);
		cut_at(&rng, true, 1, 0);
	}
	for (i = 0; i < NR_CUTS / 10; i++) {
		cut_at(&rng, i & 1, 1, NSEC_PER_MSEC);
		cut_at(&rng, i & 1, CHANNELS, 0);
	}
}

static int end_of(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char buf[65536];
	ssize_t n;

	do {
		if (poll(&pfd, 1, 5000) != 1)
			return -ETIMEDOUT;
		n = recv(fd, buf, sizeof(buf), 0);
	} while (n > 0);
	return n < 0 ? -errno : 0;
}

static void is_over(bool tcp, int fd)
{
	int end = end_of(fd);

	assert_true(end == -ECONNRESET || (!tcp && end == 0));
	close(fd);
}

/* Now, also while stalled; and it stays cut for whoever comes later. */
static void cuts_now(void **state)
{
	struct relay_stats stats;
	int near, far, late, i;
	struct link link;

	for (i = 0; i < 4; i++) {
		bool tcp = i & 1;

		link_open(&link, tcp, (struct relay_params){ 0 });
		link_connect(&link, &near, &far);
		assert_int_equal(write(near, "abc", 3), 3);
		wait_stats(&link, &stats, stats.forward.bytes == 3);
		if (i & 2)
			relay_stall(link.relay, UINT64_MAX);
		relay_cut(link.relay);
		is_over(tcp, near);
		is_over(tcp, far);
		wait_stats(&link, &stats, !stats.nr_open);
		assert_int_equal(stats.forward.bytes, 3);
		assert_true(stats.cut_ns);
		assert_int_equal(
			address_connect(relay_address(link.relay), &late, NULL),
			0);
		is_over(tcp, late);
		link_close(&link);
	}
}

/* Nothing passes, neither bytes nor an end, and then everything does. */
static void stalls_and_goes_on(void **state)
{
	const uint64_t stall_ns = 60 * NSEC_PER_MSEC;
	struct relay_stats stats;
	struct pollfd pfd = { .events = POLLIN };
	uint64_t start_ns;
	int near, far, tcp;
	struct link link;
	char c;

	for (tcp = 0; tcp < 2; tcp++) {
		link_open(&link, tcp, (struct relay_params){ 0 });
		link_connect(&link, &near, &far);
		assert_int_equal(write(near, "a", 1), 1);
		assert_int_equal(read(far, &c, 1), 1);
		wait_stats(&link, &stats, stats.forward.bytes == 1);
		start_ns = clock_now_ns();
		relay_stall(link.relay, stall_ns);
		assert_int_equal(write(near, "b", 1), 1);
		shutdown(near, SHUT_WR);
		pfd.fd = far;
		assert_int_equal(poll(&pfd, 1, 5000), 1);
		assert_true(clock_now_ns() - start_ns >= stall_ns);
		assert_int_equal(read(far, &c, 1), 1);
		assert_int_equal(c, 'b');
		assert_int_equal(read(far, &c, 1), 0);
		/* Without end, until it is ended. */
		relay_stall(link.relay, UINT64_MAX);
		assert_int_equal(write(far, "d", 1), 1);
		pfd.fd = near;
		assert_int_equal(poll(&pfd, 1, 20), 0);
		relay_stall(link.relay, 0);
		assert_int_equal(read(near, &c, 1), 1);
		close(near);
		close(far);
		link_close(&link);
	}
}

/* No byte and no end arrives before its time, nor much later. */
static void delays_every_byte(void **state)
{
	const uint64_t delay_ns = 30 * NSEC_PER_MSEC;
	uint64_t start_ns, took_ns, least_ns;
	int near, far, tcp, i;
	struct link link;
	char c;

	for (tcp = 0; tcp < 2; tcp++) {
		link_open(&link, tcp,
			  (struct relay_params){ .delay_ns = delay_ns });
		link_connect(&link, &near, &far);
		least_ns = UINT64_MAX;
		for (i = 0; i < 5; i++) {
			start_ns = clock_now_ns();
			assert_int_equal(write(i & 1 ? far : near, "a", 1), 1);
			assert_int_equal(read(i & 1 ? near : far, &c, 1), 1);
			took_ns = clock_now_ns() - start_ns;
			assert_true(took_ns >= delay_ns);
			if (took_ns < least_ns)
				least_ns = took_ns;
		}
		assert_true(least_ns < delay_ns + 10 * NSEC_PER_MSEC);
		start_ns = clock_now_ns();
		shutdown(near, SHUT_WR);
		assert_int_equal(read(far, &c, 1), 0);
		assert_true(clock_now_ns() - start_ns >= delay_ns);
		close(near);
		close(far);
		link_close(&link);
	}
}

/* A delay that comes and goes while bytes flow changes no byte. */
static void a_changing_delay_keeps_the_stream(void **state)
{
	struct pump send = { .bytes = 40 * MIB, .shut = true };
	struct pump receive = { 0 };
	struct relay_stats stats;
	struct link link;
	unsigned int i;

	link_open(&link, false, (struct relay_params){ 0 });
	link_connect(&link, &send.fd, &receive.fd);
	pump_receive(&receive);
	pump_send(&send);
	for (i = 1; i <= 20; i++) {
		wait_stats(&link, &stats, stats.forward.bytes >= i * MIB);
		relay_set_delay(link.relay, i % 2 * 3 * NSEC_PER_MSEC);
	}
	pump_join(&send);
	pump_join(&receive);
	assert_int_equal(receive.done, send.bytes);
	assert_false(receive.wrong);
	close(send.fd);
	close(receive.fd);
	link_close(&link);
}

/* How long a stream of @bytes takes, from its start to its last byte. */
static double seconds_of(struct link *link, uint64_t bytes)
{
	struct pump send = { .bytes = bytes, .shut = true }, receive = { 0 };
	uint64_t start_ns = clock_now_ns();
	struct relay_stats stats;

	link_connect(link, &send.fd, &receive.fd);
	pump_receive(&receive);
	pump_send(&send);
	pump_join(&send);
	pump_join(&receive);
	assert_int_equal(receive.done, bytes);
	assert_false(receive.wrong);
	close(send.fd);
	close(receive.fd);
	wait_stats(link, &stats, !stats.nr_open);
	return (double)(stats.forward.last_ns - start_ns) / NSEC_PER_SEC;
}

/*
 * Never faster, but for the millisecond that an idle line owes; slower by what
 * a busy machine or a sanitizer takes. How close it is otherwise is measured
 * by tests/perf/relay.c, and computed by test_relay_pacer.c.
 */
static void holds_a_rate(void **state)
{
	static const double rates[] = { 2e6, 10e6 };
	struct link link;
	double seconds;
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_LEN(rates); i++) {
		uint64_t rate = (uint64_t)rates[i / 2];

		link_open(&link, i & 1,
			  (struct relay_params){ .rate_bytes_per_s = rate });
		seconds = seconds_of(&link, rate / 4);
		assert_true(seconds > 0.248);
		assert_true(seconds < 0.5);
		link_close(&link);
	}
}

/* A limit that is lifted is lifted at once. */
static void changes_a_rate(void **state)
{
	struct pump send = { .bytes = 20 * MIB, .shut = true };
	struct pump receive = { 0 };
	struct relay_stats stats;
	struct link link;

	link_open(&link, false, (struct relay_params){ .rate_bytes_per_s = 1 });
	link_connect(&link, &send.fd, &receive.fd);
	pump_receive(&receive);
	pump_send(&send);
	clock_sleep_until_ns(clock_now_ns() + 20 * NSEC_PER_MSEC);
	relay_stats(link.relay, &stats);
	assert_in_range(stats.forward.bytes, 0, 1);
	relay_set_rate(link.relay, 0);
	pump_join(&send);
	pump_join(&receive);
	assert_int_equal(receive.done, send.bytes);
	close(send.fd);
	close(receive.fd);
	link_close(&link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_at_any_byte),
		cmocka_unit_test(cuts_now),
		cmocka_unit_test(stalls_and_goes_on),
		cmocka_unit_test(delays_every_byte),
		cmocka_unit_test(a_changing_delay_keeps_the_stream),
		cmocka_unit_test(holds_a_rate),
		cmocka_unit_test(changes_a_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
