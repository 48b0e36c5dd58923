/* SPDX-License-Identifier: MIT */
/* Does the device's state move, and is everything else refused? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "dma.h"
#include "unit/unit.h"

#define ROOM (4u << 20)

struct stream {
	uint8_t *data;
	size_t bytes;
};

/* Until a short read. */
static size_t read_some(struct client *c, struct stream *s, uint32_t piece)
{
	size_t before = s->bytes;
	int n;

	do {
		n = client_data_read(c, s->data + s->bytes, piece);
		assert_true(n >= 0);
		s->bytes += (size_t)n;
		assert_true(s->bytes < ROOM - (1 << 20));
	} while ((uint32_t)n == piece);
	return s->bytes - before;
}

static struct stream stream_new(void)
{
	struct stream s = { malloc(ROOM), 0 };

	assert_non_null(s.data);
	return s;
}

/* Something of its own in each part. */
static void put_marks(struct client *c)
{
	uint64_t mark = 0x1122334455667788ull;

	client_set_reg(c, offsetof(struct abi_dma_regs, rate_bytes_per_s), 8,
		       12345);
	assert_int_equal(
		client_region_write(c, ABI_DMA_BAR_MEMORY, 60000, &mark, 8), 0);
	mark = 7;
	assert_int_equal(client_region_write(c, VFIO_PCI_CONFIG_REGION_INDEX, 4,
					     &mark, 2),
			 0);
}

static void check_marks(struct client *c)
{
	uint64_t mark = 0;

	assert_int_equal(
		client_reg(c, offsetof(struct abi_dma_regs, rate_bytes_per_s),
			   8),
		12345);
	assert_int_equal(
		client_region_read(c, ABI_DMA_BAR_MEMORY, 60000, &mark, 8), 0);
	assert_int_equal(mark, 0x1122334455667788ull);
	mark = 0;
	assert_int_equal(client_region_read(c, VFIO_PCI_CONFIG_REGION_INDEX, 4,
					    &mark, 2),
			 0);
	assert_int_equal(mark, 6);
}

/* A whole stream of a device with marks. */
static struct stream make_stream(const struct device_params *params,
				 bool precopy, uint32_t piece)
{
	struct stream s = stream_new();
	struct client c;

	client_start(&c, params);
	put_marks(&c);
	if (precopy) {
		assert_int_equal(client_set_state(&c, MIG_STATE_PRE_COPY), 0);
		assert_true(read_some(&c, &s, piece) > params->state_bytes);
		assert_true(read_some(&c, &s, piece) < 4200);
	}
	assert_int_equal(client_set_state(&c, MIG_STATE_STOP_COPY), 0);
	read_some(&c, &s, piece);
	assert_int_equal(client_data_read(&c, s.data + s.bytes, 100), 0);
	assert_int_equal(client_set_state(&c, MIG_STATE_STOP), 0);
	assert_int_equal(client_data_read(&c, s.data, 100), -EINVAL);
	client_stop(&c);
	return s;
}

static int load(struct client *c, const struct stream *s, uint32_t piece)
{
	size_t at = 0;
	int rc = 0;

	assert_int_equal(client_set_state(c, MIG_STATE_RESUMING), 0);
	while (!rc && at < s->bytes) {
		size_t n = s->bytes - at < piece ? s->bytes - at : piece;

		rc = client_data_write(c, s->data + at, (uint32_t)n);
		at += n;
	}
	return rc;
}

static void test_moves(void **state)
{
	static const uint32_t pieces[] = { 1 << 20, 65536, 4097, 1000 };
	size_t i;

	for (i = 0; i < 2 * ARRAY_LEN(pieces); i++) {
		struct stream s =
			make_stream(&client_params, i % 2, pieces[i / 2]);
		struct client c;

		client_start(&c, &client_params);
		assert_int_equal(load(&c, &s, pieces[i / 2] - 1), 0);
		assert_int_equal(client_set_state(&c, MIG_STATE_RUNNING), 0);
		check_marks(&c);
		client_stop(&c);
		free(s.data);
	}
}

/* State that goes on changing, and a first part that is not all. */
static void test_precopy(void **state)
{
	struct device_params params = client_params;
	struct stream s = stream_new();
	struct client c;
	int i;

	params.initial_bytes = 50000;
	params.precopy_rate_bytes_per_s = 100 << 20;
	client_start(&c, &params);
	assert_int_equal(client_set_state(&c, MIG_STATE_PRE_COPY), 0);
	assert_true(read_some(&c, &s, 65536) < 100000);
	for (i = 0; i < 5; i++)
		read_some(&c, &s, 65536);
	assert_int_equal(client_set_state(&c, MIG_STATE_STOP_COPY), 0);
	read_some(&c, &s, 65536);
	client_stop(&c);
	client_start(&c, &params);
	assert_int_equal(load(&c, &s, 65536), 0);
	assert_int_equal(client_set_state(&c, MIG_STATE_STOP), 0);
	client_stop(&c);
	free(s.data);
}

/* Each byte of the stream flipped, and each length cut: never accepted. */
static void test_corrupt(void **state)
{
	struct device_params params = client_params;
	struct stream s;
	struct client c;
	size_t i;

	params.state_bytes = 100;
	s = make_stream(&params, false, 65536);
	client_start(&c, &params);
	for (i = 0; i < s.bytes; i += i < 1400 ? 1 : 997) {
		struct stream cut = { s.data, i };

		s.data[i] ^= 0x40;
		if (!load(&c, &s, 65536))
			assert_int_equal(client_set_state(&c, MIG_STATE_STOP),
					 -EINVAL);
		assert_int_equal(client_state(&c), MIG_STATE_RESUMING);
		assert_int_equal(client_call(&c, USER_RESET, NULL, 0), 0);
		assert_int_equal(client_state(&c), MIG_STATE_RUNNING);
		s.data[i] ^= 0x40;
		assert_int_equal(load(&c, &cut, 65536), 0);
		assert_int_equal(client_set_state(&c, MIG_STATE_RUNNING),
				 -EINVAL);
		assert_int_equal(client_call(&c, USER_RESET, NULL, 0), 0);
	}
	/* Too long. */
	assert_int_equal(load(&c, &s, 65536), 0);
	assert_int_equal(client_data_write(&c, "x", 1), 0);
	assert_int_equal(client_set_state(&c, MIG_STATE_STOP), -EINVAL);
	assert_int_equal(client_call(&c, USER_RESET, NULL, 0), 0);
	/* And the right one still goes in. */
	assert_int_equal(load(&c, &s, 65536), 0);
	assert_int_equal(client_set_state(&c, MIG_STATE_RUNNING), 0);
	check_marks(&c);
	client_stop(&c);
	free(s.data);
}

static void test_foreign(void **state)
{
	struct device_params params = client_params;
	struct stream s = make_stream(&params, false, 65536);
	struct client c;

	params.state_bytes += 4096;
	client_start(&c, &params);
	assert_int_equal(load(&c, &s, 65536), -EINVAL);
	client_stop(&c);
	free(s.data);
}

static void test_data_size(void **state)
{
	struct stream s = stream_new();
	struct mig_feature_data_size size;
	struct client c;

	client_start(&c, &client_params);
	assert_int_equal(client_set_state(&c, MIG_STATE_STOP_COPY), 0);
	assert_int_equal(
		client_feature(&c,
			       VFIO_DEVICE_FEATURE_GET | MIG_FEATURE_DATA_SIZE,
			       NULL, 0, 8),
		0);
	memcpy(&size, (const uint8_t *)c.reply.payload + 8, sizeof(size));
	assert_int_equal(size.stop_copy_length, read_some(&c, &s, 65536));
	client_stop(&c);
	free(s.data);
}

/* The state outlives the client; what the client gave does not. */
static void test_reconnect(void **state)
{
	struct stream s = make_stream(&client_params, false, 65536);
	struct vfio_device *device;
	struct client c;

	assert_int_equal(vfio_device_create(&client_params, &device), 0);
	client_connect(&c, device);
	assert_int_equal(load(&c, &s, 65536), 0);
	assert_int_equal(client_map(&c, 0, 4096, -1), 0);
	client_disconnect(&c);
	assert_int_equal(c.served, -ENODATA);
	client_connect(&c, device);
	assert_int_equal(client_state(&c), MIG_STATE_RESUMING);
	assert_int_equal(client_unmap(&c, 0, 4096), -ENOENT);
	assert_int_equal(client_set_state(&c, MIG_STATE_RUNNING), 0);
	check_marks(&c);
	client_stop(&c);
	free(s.data);
}

static void test_fail(void **state)
{
	struct device_params params = client_params;
	struct client c;

	params.fail_state = MIG_STATE_STOP_COPY;
	params.fail_errno = ENOSPC;
	client_start(&c, &params);
	assert_int_equal(client_set_state(&c, MIG_STATE_STOP_COPY), -ENOSPC);
	assert_int_equal(client_state(&c), MIG_STATE_STOP);
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_precopy),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_data_size),
		cmocka_unit_test(test_reconnect),
		cmocka_unit_test(test_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
