/* SPDX-License-Identifier: MIT */
/* Does the limit hold, whatever the times at which it is asked? */
#include <string.h>

#include "base/clock.h"
#include "drive/relay_pacer.h"
#include "drive/relay_queue.h"

#include "../random.h"
#include "../unit.h"

#define START_NS (7 * NSEC_PER_SEC)
#define RATE 1000000ull

static struct pacer pacer_at(uint64_t rate)
{
	struct pacer p = { 0 };

	pacer_set_rate(&p, rate, START_NS);
	return p;
}

static void no_limit_lets_everything_pass(void **state)
{
	struct pacer p = pacer_at(0);

	assert_int_equal(pacer_allowed(&p, START_NS), UINT64_MAX);
	pacer_sent(&p, 1ull << 40, START_NS);
	assert_int_equal(pacer_allowed(&p, START_NS), UINT64_MAX);
	assert_int_equal(pacer_ready_ns(&p, 5), 0);
}

static void an_idle_line_gives_no_burst(void **state)
{
	struct pacer p = pacer_at(RATE);
	uint64_t now_ns = START_NS + 10 * NSEC_PER_SEC;

	assert_int_equal(pacer_allowed(&p, START_NS), 0);
	pacer_settle(&p, false, now_ns);
	assert_int_equal(pacer_allowed(&p, now_ns), RATE / 1000);
}

static void who_is_late_may_catch_up(void **state)
{
	struct pacer p = pacer_at(RATE);
	uint64_t now_ns = START_NS + 100 * NSEC_PER_MSEC;

	pacer_settle(&p, true, now_ns);
	assert_int_equal(pacer_allowed(&p, now_ns), RATE / 10);
	/* A little only, if nothing waited but something had just been sent. */
	pacer_sent(&p, 1, now_ns - NSEC_PER_MSEC);
	pacer_settle(&p, false, now_ns);
	assert_int_equal(pacer_allowed(&p, now_ns), RATE / 40);
}

/* Steady: at random times within what is caught up, each rate exactly. */
static void holds_every_rate_exactly(void **state)
{
	static const uint64_t rates[] = {
		1, 999, RATE, 123456789, 1000000000, PACER_RATE_MAX
	};
	struct rng rng = { 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(rates); i++) {
		struct pacer p = pacer_at(rates[i]);
		uint64_t sent = 0, n, now_ns = START_NS;

		while (now_ns < START_NS + 4 * NSEC_PER_SEC) {
			now_ns += rng_below(&rng, 30 * NSEC_PER_MSEC);
			pacer_settle(&p, true, now_ns);
			n = pacer_allowed(&p, now_ns);
			/* 1 byte/s takes longer than what is caught up. */
			if (n && rates[i] > 1)
				n = 1 + rng_below(&rng, n);
			pacer_sent(&p, n, now_ns);
			sent += n;
			/* Never more than the line can have carried. */
			assert_true(
				(double)sent <=
				(double)rates[i] * (double)(now_ns - START_NS) /
						NSEC_PER_SEC +
					1);
		}
		n = pacer_allowed(&p, now_ns);
		if (rates[i] > 100)
			assert_true((double)(sent + n) >
				    0.98 * (double)rates[i] *
					    (double)(now_ns - START_NS) /
					    NSEC_PER_SEC);
	}
}

static void is_ready_when_it_says(void **state)
{
	struct pacer p = pacer_at(RATE);
	uint64_t ready_ns;

	pacer_sent(&p, 5000, START_NS);
	ready_ns = pacer_ready_ns(&p, 100);
	assert_int_equal(ready_ns, START_NS + 5100 * NSEC_PER_USEC);
	assert_int_equal(pacer_allowed(&p, ready_ns), 100);
	/* For more than a millisecond's worth it pays to begin. */
	ready_ns = pacer_ready_ns(&p, 1000000);
	assert_int_equal(pacer_allowed(&p, ready_ns), RATE / 1000);
}

static void a_new_rate_owes_nothing(void **state)
{
	struct pacer p = pacer_at(10);
	uint64_t now_ns = START_NS + NSEC_PER_SEC;

	pacer_sent(&p, 1000000, START_NS);
	pacer_set_rate(&p, RATE, now_ns);
	assert_int_equal(pacer_allowed(&p, now_ns), 0);
	assert_int_equal(pacer_allowed(&p, now_ns + NSEC_PER_MSEC),
			 RATE / 1000);
}

/* The queue keeps order, age and bounds, in any pattern of use. */
static void the_queue_keeps_order_and_age(void **state)
{
	struct relay_queue q = { 0 };
	struct rng rng = { 3 };
	uint64_t now_ns = START_NS, arrival_ns, last_ns = 0;
	uint8_t in = 0, out = 0;
	unsigned int round;
	const void *data;
	size_t n, i;
	void *room;

	for (round = 0; round < 20000; round++) {
		now_ns += rng_below(&rng, 60000);
		assert_int_equal(relay_queue_room(&q, now_ns, &room, &n), 0);
		assert_in_range(n, 1, RELAY_CHUNK_BYTES);
		n = rng_below(&rng, n < 300 ? n + 1 : 300);
		for (i = 0; i < n; i++)
			((uint8_t *)room)[i] = in++;
		if (n)
			relay_queue_put(&q, n, now_ns);
		n = relay_queue_front(&q, &data, &arrival_ns);
		if (!n)
			continue;
		assert_in_range(arrival_ns, last_ns, now_ns);
		last_ns = arrival_ns;
		n = rng_below(&rng, n < 290 ? n + 1 : 290);
		for (i = 0; i < n; i++)
			assert_int_equal(((const uint8_t *)data)[i], out++);
		relay_queue_consume(&q, n);
	}
	assert_true(q.held_bytes >= q.bytes);
	relay_queue_exit(&q);
	assert_int_equal(q.held_bytes, 0);
	assert_int_equal(relay_queue_front(&q, &data, &arrival_ns), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit_lets_everything_pass),
		cmocka_unit_test(an_idle_line_gives_no_burst),
		cmocka_unit_test(who_is_late_may_catch_up),
		cmocka_unit_test(holds_every_rate_exactly),
		cmocka_unit_test(is_ready_when_it_says),
		cmocka_unit_test(a_new_rate_owes_nothing),
		cmocka_unit_test(the_queue_keeps_order_and_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
