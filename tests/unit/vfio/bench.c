/* SPDX-License-Identifier: MIT */
/* The test bench of the DMA engine. */
#include "bench.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/unit.h"

const struct oracle bench_epoch = {
	.seed = 42,
	.epoch = 3,
	.nr_vcpus = 1,
	.nr_orders = 1,
	.write = ORACLE_WRITE_STAMP,
	.content = ORACLE_CONTENT_RANDOM,
	.nr_pages = BENCH_NR_PAGES,
	.nr_ranges = 1,
	.range = { { BENCH_BASE >> 12, BENCH_NR_PAGES } },
	.order = { { .pattern = ORACLE_RANDOM } },
};

static void fill(uint8_t *memory)
{
	uint64_t i;

	for (i = 0; i < BENCH_NR_PAGES; i++)
		oracle_page(&bench_epoch, (BENCH_BASE >> 12) + i, 0,
			    memory + i * 4096);
}

void bench_set_command(struct client *c, uint16_t command)
{
	assert_int_equal(client_region_write(c, VFIO_PCI_CONFIG_REGION_INDEX, 4,
					     &command, 2),
			 0);
}

void bench_init(struct bench *b, const struct device_params *params,
		bool by_messages, bool sealed)
{
	client_start(&b->c, params);
	b->fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(b->fd, BENCH_BYTES), 0);
	if (sealed)
		assert_int_equal(fcntl(b->fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	b->memory = mmap(NULL, BENCH_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			 b->fd, 0);
	assert_ptr_not_equal(b->memory, MAP_FAILED);
	fill(b->memory);
	b->c.memory = b->memory;
	b->c.memory_address = BENCH_BASE;
	b->c.memory_bytes = BENCH_BYTES;
	assert_int_equal(client_map(&b->c, BENCH_BASE, BENCH_BYTES,
				    by_messages ? -1 : b->fd),
			 0);
	assert_int_equal(client_region_write(&b->c, ABI_DMA_BAR_REGS,
					     REG(oracle), &bench_epoch, 4),
			 0);
	for (size_t i = 0; i < sizeof(bench_epoch); i += 8)
		client_set_reg(
			&b->c, REG(oracle) + i, 8,
			*(const uint64_t *)((const uint8_t *)&bench_epoch + i));
	client_set_reg(&b->c, REG(counter_gpa), 8, BENCH_COUNTER);
	client_set_reg(&b->c, REG(rate_bytes_per_s), 8, 8 << 20);
	bench_set_command(&b->c, 6);
}

void bench_exit(struct bench *b)
{
	client_stop(&b->c);
	munmap(b->memory, BENCH_BYTES);
	close(b->fd);
}

uint64_t bench_counter(const struct bench *b)
{
	return __atomic_load_n(
		(uint64_t *)(b->memory + BENCH_COUNTER - BENCH_BASE),
		__ATOMIC_ACQUIRE);
}

void bench_run(struct bench *b, uint32_t how)
{
	client_set_reg(&b->c, REG(control), 4, how);
}

void bench_wait_steps(struct bench *b, uint64_t steps)
{
	uint64_t end = clock_now_ns() + 20 * NSEC_PER_SEC;

	while (client_reg(&b->c, REG(steps), 8) < steps)
		assert_true(clock_now_ns() < end);
}

void bench_check_memory(struct bench *b)
{
	uint8_t page[4096];
	uint64_t i, visit, steps = bench_counter(b);
	struct oracle_cursor c;

	oracle_cursor_seek(&c, &bench_epoch, 0, NULL, steps);
	for (i = 0; i < BENCH_NR_PAGES; i++) {
		visit = oracle_cursor_visit(&c, i);
		oracle_page(&bench_epoch, (BENCH_BASE >> 12) + i, visit, page);
		assert_memory_equal(b->memory + i * 4096, page, 4096);
	}
}

int bench_report(struct client *c, uint64_t iova, uint64_t length,
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

int bench_start_logging(struct client *c, uint64_t iova, uint64_t length)
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
