/* SPDX-License-Identifier: MIT */
/* Does the engine write what the oracle says, where, when, and log it? */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "bench.h"
#include "unit/unit.h"

static void check_run(bool by_messages, bool sealed)
{
	struct bench b;

	bench_init(&b, &client_params, by_messages, sealed);
	bench_run(&b, ABI_DMA_CONTROL_RUN | ABI_DMA_CONTROL_CHECK);
	bench_wait_steps(&b, 300);
	bench_run(&b, 0);
	assert_int_equal(client_reg(&b.c, REG(status), 4), ABI_DMA_IDLE);
	assert_int_equal(client_reg(&b.c, REG(steps), 8), bench_counter(&b));
	assert_int_equal(client_reg(&b.c, REG(nr_bad), 8), 0);
	assert_int_equal(client_reg(&b.c, REG(pages_checked), 8),
			 bench_counter(&b));
	assert_int_equal(!b.c.dma_writes, !by_messages);
	bench_check_memory(&b);
	bench_exit(&b);
}

static void test_run(void **state)
{
	check_run(false, true);
	check_run(false, false);
	check_run(true, false);
}

static void test_rate(void **state)
{
	struct bench b;
	uint64_t begin, before, steps, ms;

	bench_init(&b, &client_params, false, true);
	bench_run(&b, ABI_DMA_CONTROL_RUN);
	bench_wait_steps(&b, 1);
	before = bench_counter(&b);
	begin = clock_now_ns();
	bench_wait_steps(&b, before + 1000);
	steps = bench_counter(&b) - before;
	ms = (clock_now_ns() - begin) / NSEC_PER_MSEC;
	/* 2048 a second; slower only where the machine is. */
	assert_true(steps * 1000 / 2048 <= ms + 20);
	bench_exit(&b);
}

/* The damage is held, looked at and gone past. */
static void test_hold(void **state)
{
	struct bench b;
	uint64_t gfn, visit;
	struct oracle_cursor c;

	bench_init(&b, &client_params, false, true);
	oracle_cursor_seek(&c, &bench_epoch, 0, NULL, 0);
	for (int i = 0; i < 6; i++)
		gfn = oracle_gfn(&bench_epoch,
				 oracle_cursor_next(&c, &bench_epoch, &visit));
	b.memory[(gfn << 12) - BENCH_BASE] ^= 1;
	bench_run(&b, ABI_DMA_CONTROL_RUN | ABI_DMA_CONTROL_CHECK);
	while (client_reg(&b.c, REG(status), 4) == ABI_DMA_RUNNING)
		;
	assert_int_equal(client_reg(&b.c, REG(status), 4), ABI_DMA_HELD);
	assert_int_equal(client_reg(&b.c, REG(steps), 8), 5);
	assert_int_equal(client_reg(&b.c, REG(bad_gfn), 8), gfn);
	assert_int_equal(client_reg(&b.c, REG(bad_visit), 8), visit - 1);
	client_set_reg(&b.c, REG(release), 4, 1);
	bench_wait_steps(&b, 100);
	assert_int_equal(client_reg(&b.c, REG(nr_bad), 8), 1);
	bench_run(&b, 0);
	bench_check_memory(&b);
	bench_exit(&b);
}

/* Memory cut under the device's hands: an error, and no end of it. */
static void test_cut(void **state)
{
	struct bench b;

	bench_init(&b, &client_params, false, false);
	munmap(b.memory, BENCH_BYTES);
	assert_int_equal(ftruncate(b.fd, 4096), 0);
	bench_run(&b, ABI_DMA_CONTROL_RUN);
	while (client_reg(&b.c, REG(status), 4) == ABI_DMA_RUNNING)
		;
	assert_int_equal(client_reg(&b.c, REG(status), 4), ABI_DMA_ERROR);
	assert_int_equal(client_reg(&b.c, REG(error), 4), ABI_DMA_ERROR_ACCESS);
	b.memory = mmap(NULL, BENCH_BYTES, PROT_READ, MAP_SHARED, b.fd, 0);
	bench_exit(&b);
}

static void test_interrupts(void **state)
{
	const struct user_irq_set set = { sizeof(set),
					  VFIO_IRQ_SET_DATA_EVENTFD |
						  VFIO_IRQ_SET_ACTION_TRIGGER,
					  VFIO_PCI_MSIX_IRQ_INDEX, 0, 2 };
	int fds[2] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };
	struct pollfd p = { .fd = fds[0], .events = POLLIN };
	struct bench b;
	uint64_t n, i;

	bench_init(&b, &client_params, false, true);
	assert_int_equal(
		client_call_fds(&b.c, USER_SET_IRQS, &set, sizeof(set), fds, 2),
		0);
	client_set_reg(&b.c, REG(irq_every), 4, 10);
	bench_run(&b, ABI_DMA_CONTROL_RUN);
	for (i = 1; i <= 5; i++) {
		assert_int_equal(poll(&p, 1, 20000), 1);
		assert_int_equal(read(fds[0], &n, sizeof(n)), sizeof(n));
		assert_int_equal(n, 1);
		client_set_reg(&b.c, REG(doorbell), 4, i);
	}
	assert_int_equal(client_reg(&b.c, REG(irqs_wrong), 8), 0);
	client_set_reg(&b.c, REG(doorbell), 4, 77);
	assert_int_equal(client_reg(&b.c, REG(irqs_wrong), 8), 1);
	bench_exit(&b);
	close(fds[0]);
	close(fds[1]);
}

/* Steps into all pages but one: what is logged is what was written. */
static void test_logging(void **state)
{
	uint8_t *before = malloc(BENCH_BYTES);
	uint64_t map[2], i;
	struct bench b;

	bench_init(&b, &client_params, false, true);
	assert_int_equal(
		bench_report(&b.c, BENCH_BASE, BENCH_BYTES, 4096, map, 16),
		-EINVAL);
	assert_int_equal(bench_start_logging(&b.c, BENCH_BASE, BENCH_BYTES), 0);
	assert_int_equal(bench_start_logging(&b.c, BENCH_BASE, BENCH_BYTES),
			 -EINVAL);
	memcpy(before, b.memory, BENCH_BYTES);
	bench_run(&b, ABI_DMA_CONTROL_RUN);
	bench_wait_steps(&b, 20);
	assert_int_equal(client_set_state(&b.c, MIG_STATE_STOP), 0);
	assert_int_equal(
		bench_report(&b.c, BENCH_BASE, BENCH_BYTES, 4096, map, 16), 0);
	for (i = 0; i < BENCH_NR_PAGES + 1; i++)
		assert_int_equal(
			!!memcmp(before + i * 4096, b.memory + i * 4096, 4096),
			bitmap_test(map, i));
	assert_int_equal(bitmap_count(map, 128), bench_counter(&b) + 1);
	/* Once. */
	assert_int_equal(
		bench_report(&b.c, BENCH_BASE, BENCH_BYTES, 4096, map, 16), 0);
	assert_int_equal(map[0] | map[1], 0);
	/* And it says nothing while the device is stopped. */
	assert_int_equal(bench_counter(&b), client_reg(&b.c, REG(steps), 8));
	bench_check_memory(&b);
	assert_int_equal(client_set_state(&b.c, MIG_STATE_RUNNING), 0);
	bench_wait_steps(&b, 60);
	assert_int_equal(
		bench_report(&b.c, BENCH_BASE, 2 << 20, 1 << 20, map, 8), 0);
	assert_int_equal(map[0], 1);
	bench_exit(&b);
	free(before);
}

/* No step outside of the states that allow DMA, nor without the bus. */
static void test_rest(void **state)
{
	static const uint32_t states[] = { MIG_STATE_RUNNING_P2P,
					   MIG_STATE_STOP, MIG_STATE_STOP_COPY,
					   MIG_STATE_PRE_COPY_P2P };
	struct bench b;
	uint64_t before;
	size_t i;

	bench_init(&b, &client_params, false, true);
	bench_run(&b, ABI_DMA_CONTROL_RUN);
	for (i = 0; i < ARRAY_LEN(states); i++) {
		bench_wait_steps(&b, bench_counter(&b) + 10);
		assert_int_equal(client_set_state(&b.c, states[i]), 0);
		before = bench_counter(&b);
		clock_sleep_until_ns(clock_now_ns() + 20 * NSEC_PER_MSEC);
		assert_int_equal(bench_counter(&b), before);
		assert_int_equal(client_set_state(&b.c, MIG_STATE_RUNNING), 0);
	}
	bench_set_command(&b.c, 2);
	before = bench_counter(&b);
	clock_sleep_until_ns(clock_now_ns() + 20 * NSEC_PER_MSEC);
	assert_int_equal(bench_counter(&b), before);
	bench_exit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_logging),
		cmocka_unit_test(test_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
