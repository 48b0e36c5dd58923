/* SPDX-License-Identifier: MIT */
/* Does the engine write what the oracle says, where, when, and log it? */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "client.h"
#include "dma.h"
#include "unit/unit.h"

#define BASE 0x100000ull
#define NR_PAGES 64u
#define COUNTER (BASE + NR_PAGES * 4096)
#define BYTES ((NR_PAGES + 1) * 4096ull)
#define REG(field) offsetof(struct abi_dma_regs, field)

static const struct oracle epoch = {
	.seed = 42,
	.epoch = 3,
	.nr_vcpus = 1,
	.nr_orders = 1,
	.write = ORACLE_WRITE_STAMP,
	.content = ORACLE_CONTENT_RANDOM,
	.nr_pages = NR_PAGES,
	.nr_ranges = 1,
	.range = { { BASE >> 12, NR_PAGES } },
	.order = { { .pattern = ORACLE_RANDOM } },
};

struct bench {
	struct client c;
	uint8_t *memory;
	int fd;
};

static void fill(uint8_t *memory)
{
	uint64_t i;

	for (i = 0; i < NR_PAGES; i++)
		oracle_page(&epoch, (BASE >> 12) + i, 0, memory + i * 4096);
}

static void set_command(struct client *c, uint16_t command)
{
	assert_int_equal(client_region_write(c, VFIO_PCI_CONFIG_REGION_INDEX, 4,
					     &command, 2),
			 0);
}

static void bench_init(struct bench *b, const struct device_params *params,
		       bool by_messages, bool sealed)
{
	client_start(&b->c, params);
	b->fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(b->fd, BYTES), 0);
	if (sealed)
		assert_int_equal(fcntl(b->fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	b->memory =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	assert_ptr_not_equal(b->memory, MAP_FAILED);
	fill(b->memory);
	b->c.memory = b->memory;
	b->c.memory_address = BASE;
	b->c.memory_bytes = BYTES;
	assert_int_equal(
		client_map(&b->c, BASE, BYTES, by_messages ? -1 : b->fd), 0);
	assert_int_equal(client_region_write(&b->c, ABI_DMA_BAR_REGS,
					     REG(oracle), &epoch, 4),
			 0);
	for (size_t i = 0; i < sizeof(epoch); i += 8)
		client_set_reg(
			&b->c, REG(oracle) + i, 8,
			*(const uint64_t *)((const uint8_t *)&epoch + i));
	client_set_reg(&b->c, REG(counter_gpa), 8, COUNTER);
	client_set_reg(&b->c, REG(rate_bytes_per_s), 8, 8 << 20);
	set_command(&b->c, 6);
}

static void bench_exit(struct bench *b)
{
	client_stop(&b->c);
	munmap(b->memory, BYTES);
	close(b->fd);
}

static uint64_t counter(const struct bench *b)
{
	return __atomic_load_n((uint64_t *)(b->memory + COUNTER - BASE),
			       __ATOMIC_ACQUIRE);
}

static void run(struct bench *b, uint32_t how)
{
	client_set_reg(&b->c, REG(control), 4, how);
}

/* At least @steps; asks the device, so that messages flow. */
static void wait_steps(struct bench *b, uint64_t steps)
{
	uint64_t end = clock_now_ns() + 20 * NSEC_PER_SEC;

	while (client_reg(&b->c, REG(steps), 8) < steps)
		assert_true(clock_now_ns() < end);
}

/* Every page is what its last visit before the counter left. */
static void check_memory(struct bench *b)
{
	uint8_t page[4096];
	uint64_t i, visit, steps = counter(b);
	struct oracle_cursor c;

	oracle_cursor_seek(&c, &epoch, 0, NULL, steps);
	for (i = 0; i < NR_PAGES; i++) {
		visit = oracle_cursor_visit(&c, i);
		oracle_page(&epoch, (BASE >> 12) + i, visit, page);
		assert_memory_equal(b->memory + i * 4096, page, 4096);
	}
}

static void check_run(bool by_messages, bool sealed)
{
	struct bench b;

	bench_init(&b, &client_params, by_messages, sealed);
	run(&b, ABI_DMA_CONTROL_RUN | ABI_DMA_CONTROL_CHECK);
	wait_steps(&b, 300);
	run(&b, 0);
	assert_int_equal(client_reg(&b.c, REG(status), 4), ABI_DMA_IDLE);
	assert_int_equal(client_reg(&b.c, REG(steps), 8), counter(&b));
	assert_int_equal(client_reg(&b.c, REG(nr_bad), 8), 0);
	assert_int_equal(client_reg(&b.c, REG(pages_checked), 8), counter(&b));
	assert_int_equal(!b.c.dma_writes, !by_messages);
	check_memory(&b);
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
	run(&b, ABI_DMA_CONTROL_RUN);
	wait_steps(&b, 1);
	before = counter(&b);
	begin = clock_now_ns();
	wait_steps(&b, before + 1000);
	steps = counter(&b) - before;
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
	oracle_cursor_seek(&c, &epoch, 0, NULL, 0);
	for (int i = 0; i < 6; i++)
		gfn = oracle_gfn(&epoch,
				 oracle_cursor_next(&c, &epoch, &visit));
	b.memory[(gfn << 12) - BASE] ^= 1;
	run(&b, ABI_DMA_CONTROL_RUN | ABI_DMA_CONTROL_CHECK);
	while (client_reg(&b.c, REG(status), 4) == ABI_DMA_RUNNING)
		;
	assert_int_equal(client_reg(&b.c, REG(status), 4), ABI_DMA_HELD);
	assert_int_equal(client_reg(&b.c, REG(steps), 8), 5);
	assert_int_equal(client_reg(&b.c, REG(bad_gfn), 8), gfn);
	assert_int_equal(client_reg(&b.c, REG(bad_visit), 8), visit - 1);
	client_set_reg(&b.c, REG(release), 4, 1);
	wait_steps(&b, 100);
	assert_int_equal(client_reg(&b.c, REG(nr_bad), 8), 1);
	run(&b, 0);
	check_memory(&b);
	bench_exit(&b);
}

/* Memory cut under the device's hands: an error, and no end of it. */
static void test_cut(void **state)
{
	struct bench b;

	bench_init(&b, &client_params, false, false);
	munmap(b.memory, BYTES);
	assert_int_equal(ftruncate(b.fd, 4096), 0);
	run(&b, ABI_DMA_CONTROL_RUN);
	while (client_reg(&b.c, REG(status), 4) == ABI_DMA_RUNNING)
		;
	assert_int_equal(client_reg(&b.c, REG(status), 4), ABI_DMA_ERROR);
	assert_int_equal(client_reg(&b.c, REG(error), 4), ABI_DMA_ERROR_ACCESS);
	b.memory = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, b.fd, 0);
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
	run(&b, ABI_DMA_CONTROL_RUN);
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

static int report(struct client *c, uint64_t iova, uint64_t length,
		  uint64_t page_size, uint64_t *map, size_t bytes)
{
	const struct mig_logging_report r = { iova, length, page_size, 0 };
	int rc = client_feature(
		c, VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_LOGGING_REPORT, &r,
		MIG_LOGGING_REPORT_USER_BYTES,
		MIG_LOGGING_REPORT_USER_BYTES + bytes);

	if (rc)
		return rc;
	assert_int_equal(c->reply.payload_bytes,
			 8 + MIG_LOGGING_REPORT_USER_BYTES + bytes);
	memcpy(map,
	       (const uint8_t *)c->reply.payload + 8 +
		       MIG_LOGGING_REPORT_USER_BYTES,
	       bytes);
	return 0;
}

static int start_logging(struct client *c, uint64_t iova, uint64_t length)
{
	const struct {
		uint64_t page_size;
		uint32_t nr, reserved;
		uint64_t iova, length;
	} s = { 4096, 1, 0, iova, length };

	return client_feature(
		c, VFIO_DEVICE_FEATURE_SET | MIG_FEATURE_LOGGING_START, &s,
		sizeof(s), sizeof(s));
}

/* Steps into all pages but one: what is logged is what was written. */
static void test_logging(void **state)
{
	uint8_t *before = malloc(BYTES);
	uint64_t map[2], i;
	struct bench b;

	bench_init(&b, &client_params, false, true);
	assert_int_equal(report(&b.c, BASE, BYTES, 4096, map, 16), -EINVAL);
	assert_int_equal(start_logging(&b.c, BASE, BYTES), 0);
	assert_int_equal(start_logging(&b.c, BASE, BYTES), -EINVAL);
	memcpy(before, b.memory, BYTES);
	run(&b, ABI_DMA_CONTROL_RUN);
	wait_steps(&b, 20);
	assert_int_equal(client_set_state(&b.c, MIG_STATE_STOP), 0);
	assert_int_equal(report(&b.c, BASE, BYTES, 4096, map, 16), 0);
	for (i = 0; i < NR_PAGES + 1; i++)
		assert_int_equal(
			!!memcmp(before + i * 4096, b.memory + i * 4096, 4096),
			bitmap_test(map, i));
	assert_int_equal(bitmap_count(map, 128), counter(&b) + 1);
	/* Once. */
	assert_int_equal(report(&b.c, BASE, BYTES, 4096, map, 16), 0);
	assert_int_equal(map[0] | map[1], 0);
	/* And it says nothing while the device is stopped. */
	assert_int_equal(counter(&b), client_reg(&b.c, REG(steps), 8));
	check_memory(&b);
	assert_int_equal(client_set_state(&b.c, MIG_STATE_RUNNING), 0);
	wait_steps(&b, 60);
	assert_int_equal(report(&b.c, BASE, 2 << 20, 1 << 20, map, 8), 0);
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
	run(&b, ABI_DMA_CONTROL_RUN);
	for (i = 0; i < ARRAY_LEN(states); i++) {
		wait_steps(&b, counter(&b) + 10);
		assert_int_equal(client_set_state(&b.c, states[i]), 0);
		before = counter(&b);
		clock_sleep_until_ns(clock_now_ns() + 20 * NSEC_PER_MSEC);
		assert_int_equal(counter(&b), before);
		assert_int_equal(client_set_state(&b.c, MIG_STATE_RUNNING), 0);
	}
	set_command(&b.c, 2);
	before = counter(&b);
	clock_sleep_until_ns(clock_now_ns() + 20 * NSEC_PER_MSEC);
	assert_int_equal(counter(&b), before);
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
