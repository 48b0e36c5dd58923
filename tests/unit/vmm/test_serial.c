/* SPDX-License-Identifier: MIT */
/* The serial port, register by register. */
#include <errno.h>
#include <string.h>

#include "unit/random.h"
#include "unit/unit.h"
#include "vmm/serial.h"

struct host {
	uint8_t out[64];
	size_t nr_out;
	unsigned int nr_writes;
	bool irq;
	unsigned int nr_edges;
};

static void on_write(void *ctx, const uint8_t *bytes, size_t nr_bytes)
{
	struct host *h = ctx;

	assert_true(nr_bytes <= sizeof(h->out) - h->nr_out);
	memcpy(h->out + h->nr_out, bytes, nr_bytes);
	h->nr_out += nr_bytes;
	h->nr_writes++;
}

static void on_irq(void *ctx, bool level)
{
	struct host *h = ctx;

	h->nr_edges += level && !h->irq;
	h->irq = level;
}

static const struct serial_ops ops = { on_write, on_irq };

static void out(struct serial *s, unsigned int offset, uint8_t value)
{
	serial_out(s, offset, &value, 1);
}

static void test_transmit(void **state)
{
	struct host h = { .nr_out = 0 };
	struct serial s;

	serial_init(&s, &ops, &h);
	assert_int_equal(serial_in(&s, 5), 0x60);
	out(&s, 0, 'a');
	serial_out(&s, 0, (const uint8_t *)"bcd", 3);
	assert_int_equal(h.nr_writes, 2);
	assert_int_equal(h.nr_out, 4);
	assert_memory_equal(h.out, "abcd", 4);
	assert_false(h.irq);
}

static void test_divisor_and_scratch(void **state)
{
	struct host h = { .nr_out = 0 };
	struct serial s;

	serial_init(&s, &ops, &h);
	out(&s, 3, 0x83);
	out(&s, 0, 0x0c);
	out(&s, 1, 0x34);
	assert_int_equal(serial_in(&s, 0), 0x0c);
	assert_int_equal(serial_in(&s, 1), 0x34);
	out(&s, 3, 0x03);
	assert_int_equal(h.nr_out, 0);
	assert_int_equal(serial_in(&s, 1), 0);
	out(&s, 1, 0xff);
	assert_int_equal(serial_in(&s, 1), 0x0f);
	out(&s, 7, 0x5a);
	assert_int_equal(serial_in(&s, 7), 0x5a);
	assert_int_equal(serial_in(&s, 6), 0xb0);
	assert_int_equal(serial_in(&s, 8), 0xff);
}

static void test_receive_interrupt(void **state)
{
	struct host h = { .nr_out = 0 };
	struct serial s;

	serial_init(&s, &ops, &h);
	assert_int_equal(serial_push(&s, (const uint8_t *)"xy", 2), 2);
	assert_false(h.irq); /* not enabled */
	out(&s, 1, 1);
	assert_true(h.irq);
	assert_int_equal(serial_in(&s, 2), 0x04);
	assert_int_equal(serial_in(&s, 5), 0x61);
	assert_int_equal(serial_in(&s, 0), 'x');
	assert_true(h.irq);
	assert_int_equal(serial_in(&s, 0), 'y');
	assert_false(h.irq);
	assert_int_equal(serial_in(&s, 2), 0x01);
	assert_int_equal(serial_in(&s, 0), 0);
	serial_push(&s, (const uint8_t *)"z", 1);
	assert_true(h.irq);
	assert_int_equal(h.nr_edges, 2);
}

static void test_transmit_interrupt(void **state)
{
	struct host h = { .nr_out = 0 };
	struct serial s;

	serial_init(&s, &ops, &h);
	out(&s, 2, 1);
	out(&s, 1, 2); /* at once: it is empty */
	assert_true(h.irq);
	assert_int_equal(serial_in(&s, 2), 0xc2);
	assert_false(h.irq); /* seen */
	assert_int_equal(serial_in(&s, 2), 0xc1);
	out(&s, 0, 'a');
	assert_true(h.irq);
	out(&s, 1, 0);
	assert_false(h.irq);
	/* Receive before transmit. */
	serial_push(&s, (const uint8_t *)"b", 1);
	out(&s, 1, 3);
	assert_int_equal(serial_in(&s, 2), 0xc4);
	assert_int_equal(serial_in(&s, 2), 0xc4);
	serial_in(&s, 0);
	assert_int_equal(serial_in(&s, 2), 0xc2);
}

static void test_fifo_clear(void **state)
{
	struct host h = { .nr_out = 0 };
	struct serial s;

	serial_init(&s, &ops, &h);
	out(&s, 2, 1);
	serial_push(&s, (const uint8_t *)"old", 3);
	out(&s, 2, 1); /* no clear asked */
	assert_int_equal(serial_in(&s, 5) & 1, 1);
	out(&s, 2, 3);
	assert_int_equal(serial_in(&s, 5) & 1, 0);
	serial_push(&s, (const uint8_t *)"old", 3);
	out(&s, 2, 0); /* off: clears, too */
	assert_int_equal(serial_in(&s, 5) & 1, 0);
}

static void test_loopback(void **state)
{
	struct host h = { .nr_out = 0 };
	struct serial s;

	serial_init(&s, &ops, &h);
	out(&s, 4, 0x1f);
	assert_int_equal(serial_in(&s, 6) & 0xf0, 0xf0);
	out(&s, 4, 0x12); /* RTS comes back as CTS */
	assert_int_equal(serial_in(&s, 6) & 0xf0, 0x10);
	out(&s, 0, 'L');
	assert_int_equal(h.nr_out, 0);
	assert_int_equal(serial_in(&s, 0), 'L');
	out(&s, 4, 0x03);
	assert_int_equal(serial_in(&s, 6) & 0xf0, 0xb0);
}

static void test_full_buffer(void **state)
{
	static uint8_t many[SERIAL_RX_BYTES + 10];
	struct host h = { .nr_out = 0 };
	struct serial s;
	size_t i;

	serial_init(&s, &ops, &h);
	for (i = 0; i < sizeof(many); i++)
		many[i] = (uint8_t)i;
	assert_int_equal(serial_push(&s, many, sizeof(many)), SERIAL_RX_BYTES);
	assert_int_equal(serial_push(&s, many, 1), 0);
	assert_false(serial_take_room(&s));
	for (i = 0; i < SERIAL_RX_BYTES; i++)
		assert_int_equal(serial_in(&s, 0), i & 0xff);
	assert_true(serial_take_room(&s));
	assert_false(serial_take_room(&s)); /* once */
}

/* Random use; save and load into another in the middle: same answers on. */
static void test_migration(void **state)
{
	struct rng rng = { 5 };
	unsigned int turn, i;

	for (turn = 0; turn < 300; turn++) {
		struct host ha = { .nr_out = 0 }, hb = { .nr_out = 0 };
		struct serial a, b;
		struct serial_state st;

		serial_init(&a, &ops, &ha);
		serial_init(&b, &ops, &hb);
		for (i = 0; i < 40; i++) {
			uint64_t x = rng_next(&rng);
			uint8_t byte = (uint8_t)(x >> 16);

			ha.nr_out = 0;
			if (x & 1)
				serial_push(&a, &byte, 1);
			else if (x & 2)
				out(&a, x >> 2 & 7, byte);
			else
				serial_in(&a, x >> 2 & 7);
		}
		serial_save(&a, &st);
		assert_true(serial_state_valid(&st));
		assert_int_equal(serial_load(&b, &st), 0);
		assert_int_equal(ha.irq, hb.irq);
		for (i = 0; i < 60; i++) {
			unsigned int offset = rng_next(&rng) & 7;

			assert_int_equal(serial_in(&a, offset),
					 serial_in(&b, offset));
			assert_int_equal(ha.irq, hb.irq);
		}
	}
}

static void test_hostile_state(void **state)
{
	static const struct serial_state bad[] = {
		{ .nr_rx = SERIAL_RX_BYTES + 1 },
		{ .nr_rx = 0xffff },
		{ .ier = 0x10 },
		{ .mcr = 0x20 },
		{ .fcr = 0x02 },
		{ .lsr_errors = 0x01 },
		{ .thr_pending = 2 },
		{ .msr_delta = 0x10 },
		{ .nr_rx = 1, .rx = { 'a', 'b' } },
	};
	struct host h = { .nr_out = 0 };
	struct serial_state before, after;
	struct serial s;
	size_t i;

	serial_init(&s, &ops, &h);
	serial_save(&s, &before);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(serial_load(&s, &bad[i]), -EPROTO);
	serial_save(&s, &after);
	assert_memory_equal(&before, &after, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_state),
		cmocka_unit_test(test_transmit),
		cmocka_unit_test(test_divisor_and_scratch),
		cmocka_unit_test(test_receive_interrupt),
		cmocka_unit_test(test_transmit_interrupt),
		cmocka_unit_test(test_fifo_clear),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_full_buffer),
		cmocka_unit_test(test_migration),
	};

	return cmocka_run_group_tests_name("vmm/serial", tests, NULL, NULL);
}
