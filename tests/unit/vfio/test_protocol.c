/* SPDX-License-Identifier: MIT */
/* What the device says that it is, and accesses to its regions. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "dma.h"
#include "unit/unit.h"

static void test_info(void **state)
{
	struct user_device_info info = { .argsz = sizeof(info) };
	struct client c;

	client_start(&c, &client_params);
	assert_int_equal(client_call(&c, USER_GET_INFO, &info, sizeof(info)),
			 0);
	assert_int_equal(c.reply.payload_bytes, sizeof(info));
	memcpy(&info, c.reply.payload, sizeof(info));
	assert_int_equal(info.argsz, 16);
	assert_int_equal(info.flags, 3);
	assert_int_equal(info.num_regions, 9);
	assert_int_equal(info.num_irqs, 5);
	info.argsz = 15;
	assert_int_equal(client_call(&c, USER_GET_INFO, &info, sizeof(info)),
			 -EINVAL);
	assert_int_equal(client_call(&c, USER_GET_INFO, &info, 8), -EINVAL);
	client_stop(&c);
}

static void check_region(struct client *c, uint32_t index, uint64_t size,
			 uint32_t flags, uint32_t bytes)
{
	struct vfio_region_info info = { .argsz = 256, .index = index };

	assert_int_equal(
		client_call(c, USER_GET_REGION_INFO, &info, sizeof(info)), 0);
	assert_int_equal(c->reply.payload_bytes, bytes);
	memcpy(&info, c->reply.payload, sizeof(info));
	assert_int_equal(info.argsz, bytes);
	assert_int_equal(info.size, size);
	assert_int_equal(info.flags, flags);
	assert_int_equal(c->reply.nr_fds,
			 !!(flags & VFIO_REGION_INFO_FLAG_MMAP));
}

static void test_regions(void **state)
{
	struct device_params params = client_params;
	struct vfio_region_info info = { .argsz = 32, .index = 9 };
	struct client c;
	uint8_t *p, byte = 0;

	client_start(&c, &params);
	check_region(&c, 0, 4096, 3, 32);
	check_region(&c, 1, 4096, 3, 32);
	check_region(&c, 3, 0, 0, 32);
	check_region(&c, 7, 256, 3, 32);
	check_region(&c, 2, 65536, 7, 32);
	p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED,
		 c.reply.fds[0], 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	p[500] = 77;
	assert_int_equal(client_region_read(&c, 2, 500, &byte, 1), 0);
	assert_int_equal(byte, 77);
	munmap(p, 65536);
	/* The client cannot cut it away from under the device. */
	check_region(&c, 2, 65536, 7, 32);
	assert_int_not_equal(ftruncate(c.reply.fds[0], 0), 0);
	assert_int_equal(client_call(&c, USER_GET_REGION_INFO, &info, 32),
			 -EINVAL);
	client_stop(&c);

	params.mapping = DEVICE_SPARSE;
	params.protocol = DEVICE_PROTOCOL_V1;
	client_start(&c, &params);
	check_region(&c, 2, 65536, 15, 64);
	check_region(&c, 9, 4096 + (1 << 20), 15, 80);
	info.argsz = 32;
	assert_int_equal(client_call(&c, USER_GET_REGION_INFO, &info, 32), 0);
	assert_int_equal(c.reply.payload_bytes, 32);
	memcpy(&info, c.reply.payload, sizeof(info));
	assert_int_equal(info.argsz, 80);
	client_stop(&c);
}

static void test_config(void **state)
{
	uint8_t config[256];
	uint32_t ones = UINT32_MAX, bar;
	struct client c;

	client_start(&c, &client_params);
	assert_int_equal(client_region_read(&c, 7, 0, config, 256), 0);
	assert_int_equal(config[0] | config[1] << 8, ABI_DMA_VENDOR);
	assert_int_equal(config[config[0x34]], 0x11);
	assert_int_equal(client_region_write(&c, 7, 0, &ones, 4), 0);
	assert_int_equal(client_region_write(&c, 7, 0x18, &ones, 4), 0);
	assert_int_equal(client_region_read(&c, 7, 0x18, &bar, 4), 0);
	assert_int_equal(bar, ~(ABI_DMA_MEMORY_BYTES - 1));
	assert_int_equal(client_region_read(&c, 7, 0, &bar, 4), 0);
	assert_int_equal(bar, ABI_DMA_DEVICE << 16 | ABI_DMA_VENDOR);
	client_stop(&c);
}

/* Around the ends of regions, and around the end of numbers. */
static void test_ranges(void **state)
{
	static const struct {
		uint32_t region;
		uint64_t offset;
		uint32_t bytes;
		int rc;
	} rows[] = {
		{ 0, 4092, 4, 0 },
		{ 0, 4093, 4, -EINVAL },
		{ 0, 4096, 0, 0 },
		{ 0, 4097, 0, -EINVAL },
		{ 0, UINT64_MAX, 1, -EINVAL },
		{ 0, UINT64_MAX - 3, 4, -EINVAL },
		{ 1, 2048, 8, 0 },
		{ 2, 65535, 1, 0 },
		{ 2, 0, 65536, 0 },
		{ 2, 0, 65537, -EINVAL },
		{ 3, 0, 0, -EINVAL },
		{ 6, 0, 4, -EINVAL },
		{ 7, 255, 1, 0 },
		{ 7, 255, 2, -EINVAL },
		{ 9, 0, 4, -EINVAL },
		{ UINT32_MAX, 0, 4, -EINVAL },
	};
	static uint8_t data[1 << 17];
	struct user_region_access a = { 0, 2, 1u << 31 };
	struct client c;
	size_t i;

	client_start(&c, &client_params);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(client_region_read(&c, rows[i].region,
						    rows[i].offset, data,
						    rows[i].bytes),
				 rows[i].rc);
		assert_int_equal(client_region_write(&c, rows[i].region,
						     rows[i].offset, data,
						     rows[i].bytes),
				 rows[i].rc);
	}
	assert_int_equal(client_call(&c, USER_REGION_READ, &a, sizeof(a)),
			 -EINVAL);
	assert_int_equal(client_call(&c, USER_REGION_WRITE, &a, sizeof(a)),
			 -EINVAL);
	a.count = 8;
	assert_int_equal(
		client_call_with(&c, USER_REGION_WRITE, &a, sizeof(a), data, 7),
		-EINVAL);
	client_stop(&c);
}

static void test_write_multi(void **state)
{
	struct {
		uint64_t count;
		struct user_write_one w[3];
	} __attribute__((packed)) m = {
		3,
		{ { 0, 2, 8, "ABCDEFGH" },
		  { 65536, 2, 1, "x" },
		  { 9, 2, 1, "y" } },
	};
	char text[10] = "";
	uint64_t done;
	struct client c;

	client_start(&c, &client_params);
	assert_int_equal(client_call(&c, USER_WRITE_MULTI, &m, sizeof(m)), 0);
	assert_int_equal(c.reply.payload_bytes, 8);
	memcpy(&done, c.reply.payload, 8);
	assert_int_equal(done, 1);
	assert_int_equal(client_region_read(&c, 2, 0, text, 9), 0);
	assert_string_equal(text, "ABCDEFGH");
	m.count = 1ull << 61;
	assert_int_equal(client_call(&c, USER_WRITE_MULTI, &m, sizeof(m)),
			 -EINVAL);
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_write_multi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
