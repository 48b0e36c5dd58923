/* SPDX-License-Identifier: MIT */
/* Maps, interrupts, features; and clients that do it all wrong. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "unit/unit.h"

static void test_maps(void **state)
{
	static const struct {
		uint64_t address, bytes;
		int rc;
	} rows[] = {
		{ 0x10000, 0x10000, 0 },
		{ 0x10000, 0x10000, -EEXIST },
		{ 0x1f000, 0x1000, -EEXIST },
		{ 0x1f000, 0x2000, -EEXIST },
		{ 0x0, 0x11000, -EEXIST },
		{ 0x0, 0x100000, -EEXIST },
		{ 0x20000, 0x1000, 0 },
		{ 0xf000, 0x1000, 0 },
		{ 0x100, 0x1000, -EINVAL },
		{ 0x0, 0x100, -EINVAL },
		{ 0x0, 0, -EINVAL },
		{ UINT64_MAX - 0xfff, 0x1000, -EINVAL },
		{ UINT64_MAX - 0xfff, 0x2000, -EINVAL },
	};
	struct user_dma_map map = { 32, 0, 0, 0x100000, 4096 };
	int fds[2] = { memfd_create("a", MFD_CLOEXEC), -1 };
	struct client c;
	size_t i;

	fds[1] = fds[0];
	client_start(&c, &client_params);
	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(client_map(&c, rows[i].address, rows[i].bytes,
					    i % 2 ? fds[0] : -1),
				 rows[i].rc);
	/* No access, an unknown flag, a file offset without a file. */
	assert_int_equal(client_call(&c, USER_DMA_MAP, &map, 32), -EINVAL);
	map.flags = 7;
	assert_int_equal(client_call(&c, USER_DMA_MAP, &map, 32), -EINVAL);
	map.flags = 3;
	map.offset = 4096;
	assert_int_equal(client_call(&c, USER_DMA_MAP, &map, 32), -EINVAL);
	map.offset = UINT64_MAX - 4095;
	assert_int_equal(client_call_fds(&c, USER_DMA_MAP, &map, 32, fds, 1),
			 -EINVAL);
	map.offset = 0;
	assert_int_equal(client_call_fds(&c, USER_DMA_MAP, &map, 32, fds, 2),
			 -EINVAL);
	assert_int_equal(client_unmap(&c, 0x10000, 0xf000), -ENOENT);
	assert_int_equal(client_unmap(&c, 0x11000, 0xf000), -ENOENT);
	assert_int_equal(client_unmap(&c, 0x10000, 0x10000), 0);
	assert_int_equal(c.reply.payload_bytes, sizeof(struct user_dma_unmap));
	assert_int_equal(client_unmap(&c, 0x10000, 0x10000), -ENOENT);
	assert_int_equal(client_map(&c, 0x10000, 0x10000, -1), 0);
	client_stop(&c);
	close(fds[0]);
}

static int set_irqs(struct client *c, uint32_t flags, uint32_t index,
		    uint32_t start, uint32_t count, const int *fds,
		    unsigned int nr)
{
	const struct user_irq_set set = { sizeof(set), flags, index, start,
					  count };

	return client_call_fds(c, USER_SET_IRQS, &set, sizeof(set), fds, nr);
}

static void test_irqs(void **state)
{
	const uint32_t fd_trigger = 4 | 32, none_trigger = 1 | 32;
	int fds[2] = { eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
		       eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	struct vfio_irq_info info = { .argsz = 16, .index = 2 };
	struct client c;
	uint64_t n;
	int full;

	client_start(&c, &client_params);
	assert_int_equal(client_call(&c, USER_GET_IRQ_INFO, &info, 16), 0);
	memcpy(&info, c.reply.payload, 16);
	assert_int_equal(info.count, 2);
	assert_true(info.flags & VFIO_IRQ_INFO_EVENTFD);
	info.index = 5;
	assert_int_equal(client_call(&c, USER_GET_IRQ_INFO, &info, 16),
			 -EINVAL);
	assert_int_equal(set_irqs(&c, fd_trigger, 2, 0, 2, fds, 2), 0);
	assert_int_equal(set_irqs(&c, none_trigger, 2, 1, 1, NULL, 0), 0);
	assert_int_equal(read(fds[0], &n, 8), -1);
	assert_int_equal(read(fds[1], &n, 8), 8);
	/* Off again: nobody hears it, until there is somebody. */
	assert_int_equal(set_irqs(&c, none_trigger, 2, 0, 0, NULL, 0), 0);
	assert_int_equal(set_irqs(&c, none_trigger, 2, 1, 1, NULL, 0), 0);
	assert_int_equal(read(fds[1], &n, 8), -1);
	assert_int_equal(set_irqs(&c, fd_trigger, 2, 1, 1, fds + 1, 1), 0);
	assert_int_equal(read(fds[1], &n, 8), 8);

	/* One that is full would have its writer wait. */
	n = UINT64_MAX - 1;
	full = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(write(full, &n, 8), 8);
	assert_int_equal(set_irqs(&c, fd_trigger, 2, 0, 1, &full, 1), 0);
	assert_int_equal(set_irqs(&c, none_trigger, 2, 0, 1, NULL, 0), 0);
	assert_int_equal(set_irqs(&c, fd_trigger, 2, 0, 1, &c.wire.fd, 1),
			 -EINVAL);

	assert_int_equal(set_irqs(&c, fd_trigger, 2, 0, 2, fds, 1), -EINVAL);
	assert_int_equal(set_irqs(&c, fd_trigger, 2, 0, 3, NULL, 0), -EINVAL);
	assert_int_equal(set_irqs(&c, fd_trigger, 2, 2, 1, fds, 1), -EINVAL);
	assert_int_equal(set_irqs(&c, fd_trigger, 2, UINT32_MAX, 2, fds, 2),
			 -EINVAL);
	assert_int_equal(set_irqs(&c, fd_trigger, 0, 0, 1, fds, 1), -EINVAL);
	assert_int_equal(set_irqs(&c, fd_trigger, 5, 0, 0, NULL, 0), -EINVAL);
	assert_int_equal(set_irqs(&c, 4 | 1 | 32, 2, 0, 1, fds, 1), -EINVAL);
	assert_int_equal(set_irqs(&c, 1 | 8, 2, 0, 1, NULL, 0), -ENOTTY);
	assert_int_equal(set_irqs(&c, 2 | 32, 2, 0, 1, NULL, 0), -EINVAL);
	assert_int_equal(set_irqs(&c, 0, 2, 0, 1, NULL, 0), -EINVAL);
	client_stop(&c);
	close(fds[0]);
	close(fds[1]);
	close(full);
}

static void test_features(void **state)
{
	static const struct {
		uint32_t flags;
		size_t bytes, room;
		int rc;
	} rows[] = {
		{ VFIO_DEVICE_FEATURE_PROBE | 1, 0, 0, 0 },
		{ VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET | 1, 0, 0,
		  -EINVAL },
		{ VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
			  VFIO_DEVICE_FEATURE_SET | 2,
		  0, 0, 0 },
		{ VFIO_DEVICE_FEATURE_PROBE | 3, 0, 0, -ENOTTY },
		{ VFIO_DEVICE_FEATURE_GET | 0xffff, 0, 8, -ENOTTY },
		{ VFIO_DEVICE_FEATURE_GET | 1, 0, 8, 0 },
		{ VFIO_DEVICE_FEATURE_GET | 1, 0, 7, -EINVAL },
		{ VFIO_DEVICE_FEATURE_SET | 1, 8, 8, -EINVAL },
		{ VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_GET | 2, 8, 8,
		  -EINVAL },
		{ VFIO_DEVICE_FEATURE_SET | 2, 7, 8, -EINVAL },
		{ VFIO_DEVICE_FEATURE_SET | 2, 9, 9, -EINVAL },
		{ 1u << 19 | VFIO_DEVICE_FEATURE_GET | 1, 0, 8, -EINVAL },
		{ 2, 8, 8, -EINVAL },
		{ VFIO_DEVICE_FEATURE_SET | 6, 15, 15, -EINVAL },
		{ VFIO_DEVICE_FEATURE_SET | 7, 0, 0, 0 },
		{ VFIO_DEVICE_FEATURE_GET | 8, 24, 32, -EINVAL },
	};
	const uint64_t zeros[4] = { 0 };
	struct client c;
	size_t i;

	client_start(&c, &client_params);
	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(client_feature(&c, rows[i].flags, zeros,
						rows[i].bytes, rows[i].room),
				 rows[i].rc);
	client_stop(&c);
}

/* Commands that do not exist, sizes that are wrong, and VERSION again. */
static void test_abuse(void **state)
{
	static const uint8_t zeros[64] = { 0 };
	uint16_t command;
	struct client c;
	size_t bytes;

	client_start(&c, &client_params);
	for (command = 0; command < 40; command++)
		for (bytes = 0; bytes < sizeof(zeros); bytes += 3)
			if (command != USER_RESET)
				assert_true(client_call(&c, command, zeros,
							bytes) < 0);
	assert_int_equal(client_call(&c, USER_RESET, zeros, 1), -EINVAL);
	assert_int_equal(
		client_call_fds(&c, USER_RESET, NULL, 0, &c.wire.fd, 1),
		-EINVAL);
	assert_int_equal(client_call(&c, USER_RESET, NULL, 0), 0);
	client_stop(&c);
}

/* Before VERSION there is nothing; nor with one that is not ours. */
static void test_first(void **state)
{
	static const struct {
		uint16_t command, major;
		const char *json;
	} rows[] = {
		{ USER_GET_INFO, 0, "{}" },
		{ USER_VERSION, 1, "{}" },
		{ USER_VERSION, 0, "{" },
	};
	struct vfio_device *device;
	struct user_message m;
	size_t i;

	assert_int_equal(vfio_device_create(&client_params, &device), 0);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		const struct user_version v = { rows[i].major, 0 };
		const struct iovec iov[2] = { { (void *)&v, sizeof(v) },
					      { (void *)rows[i].json,
						strlen(rows[i].json) + 1 } };
		const struct user_payload p = { .iov = iov, .nr_iov = 2 };
		struct user_header h = { .command = rows[i].command };
		struct client c;

		client_open(&c, device);
		assert_int_equal(user_wire_send(&c.wire, &h, &p), 0);
		assert_int_equal(user_wire_receive(&c.wire, &m, -1), -ENODATA);
		client_disconnect(&c);
		assert_int_not_equal(c.served, 0);
	}
	vfio_device_destroy(device);
}

/* Replies nobody asked for, and endless sizes: the client is left. */
static void test_left(void **state)
{
	static const struct user_header headers[] = {
		{ .bytes = 16, .flags = USER_TYPE_REPLY },
		{ .bytes = 16, .flags = 2 },
		{ .bytes = 3 },
		{ .bytes = UINT32_MAX, .command = USER_REGION_WRITE },
	};
	struct vfio_device *device;
	struct user_message m;
	struct client c;
	size_t i;

	assert_int_equal(vfio_device_create(&client_params, &device), 0);
	for (i = 0; i < ARRAY_LEN(headers); i++) {
		client_connect(&c, device);
		assert_int_equal(write(c.wire.fd, &headers[i], 16), 16);
		assert_int_equal(user_wire_receive(&c.wire, &m, -1), -ENODATA);
		client_disconnect(&c);
	}
	vfio_device_destroy(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),	 cmocka_unit_test(test_irqs),
		cmocka_unit_test(test_features), cmocka_unit_test(test_abuse),
		cmocka_unit_test(test_first),	 cmocka_unit_test(test_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
