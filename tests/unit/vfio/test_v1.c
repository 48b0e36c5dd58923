/* SPDX-License-Identifier: MIT */
/* Does the state move by the registers of migration v1 too? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "dma.h"
#include "unit/unit.h"

#define REGION 9u
#define AT(field) offsetof(struct mig_v1_region, field)
#define ROOM (4u << 20)

static struct device_params v1_params(void)
{
	struct device_params params = client_params;

	params.protocol = DEVICE_PROTOCOL_V1;
	params.state_bytes = 3000000;
	return params;
}

static uint64_t get(struct client *c, size_t offset)
{
	uint64_t value = 0;

	assert_int_equal(client_region_read(c, REGION, offset, &value, 8), 0);
	return value;
}

static int set_state(struct client *c, uint32_t state)
{
	return client_region_write(c, REGION, AT(device_state), &state, 4);
}

/* Reads until nothing is pending. */
static size_t save(struct client *c, uint8_t *data)
{
	size_t bytes = 0;

	while (get(c, AT(pending_bytes))) {
		uint64_t offset = get(c, AT(data_offset));
		uint64_t size = get(c, AT(data_size)), at, n;

		assert_true(size && bytes + size < ROOM);
		for (at = 0; at < size; at += n) {
			n = size - at < 65536 ? size - at : 65536;
			assert_int_equal(client_region_read(c, REGION,
							    offset + at,
							    data + bytes + at,
							    (uint32_t)n),
					 0);
		}
		bytes += size;
	}
	return bytes;
}

static int load(struct client *c, const uint8_t *data, size_t bytes,
		size_t piece)
{
	uint64_t at, size;
	int rc = 0;

	for (at = 0; !rc && at < bytes; at += size) {
		uint64_t offset = get(c, AT(data_offset));

		size = bytes - at < piece ? bytes - at : piece;
		assert_int_equal(client_region_write(c, REGION, offset,
						     data + at, (uint32_t)size),
				 0);
		rc = client_region_write(c, REGION, AT(data_size), &size, 8);
	}
	return rc;
}

static void test_moves(void **state)
{
	struct device_params params = v1_params();
	uint8_t *data = malloc(ROOM);
	uint64_t mark = 4711;
	struct client c;
	size_t bytes;

	params.initial_bytes = 100000;
	client_start(&c, &params);
	assert_int_equal(client_region_write(&c, 2, 8, &mark, 8), 0);
	assert_int_equal(set_state(&c, MIG_V1_PRE_COPY), 0);
	bytes = save(&c, data);
	assert_true(bytes > params.state_bytes);
	assert_int_equal(set_state(&c, MIG_V1_STOP_COPY), 0);
	bytes += save(&c, data + bytes);
	assert_int_equal(set_state(&c, MIG_V1_STOP), 0);
	client_stop(&c);
	client_start(&c, &params);
	assert_int_equal(set_state(&c, MIG_V1_RESUMING), 0);
	assert_int_equal(load(&c, data, bytes, 60001), 0);
	assert_int_equal(set_state(&c, MIG_V1_RUNNING), 0);
	mark = 0;
	assert_int_equal(client_region_read(&c, 2, 8, &mark, 8), 0);
	assert_int_equal(mark, 4711);
	/* Half of it is not enough. */
	assert_int_equal(set_state(&c, MIG_V1_RESUMING), 0);
	assert_int_equal(load(&c, data, bytes / 2, 60001), 0);
	assert_int_equal(set_state(&c, MIG_V1_RUNNING), -EINVAL);
	client_stop(&c);
	free(data);
}

static void test_states(void **state)
{
	struct device_params params = v1_params();
	struct client c;

	params.precopy = false;
	client_start(&c, &params);
	assert_int_equal(get(&c, AT(device_state)), MIG_V1_RUNNING);
	assert_int_equal(set_state(&c, 5), -EINVAL);
	assert_int_equal(set_state(&c, 6), -EINVAL);
	assert_int_equal(set_state(&c, 7), -EINVAL);
	assert_int_equal(set_state(&c, MIG_V1_PRE_COPY), 0);
	assert_int_equal(get(&c, AT(pending_bytes)), 0);
	assert_int_equal(set_state(&c, MIG_V1_STOP_COPY), 0);
	assert_true(get(&c, AT(pending_bytes)) > params.state_bytes);
	assert_int_equal(set_state(&c, MIG_V1_PRE_COPY), -EINVAL);
	assert_int_equal(get(&c, AT(device_state)), MIG_V1_STOP_COPY);
	assert_int_equal(client_set_state(&c, MIG_STATE_STOP), -ENOTTY);
	client_stop(&c);
}

static void test_dirty(void **state)
{
	const struct user_dirty_pages start = { 8, 1 }, stop = { 8, 2 };
	const struct {
		struct user_dirty_pages p;
		struct user_bitmap_range r;
	} get_bitmap = { { 48, 4 }, { 0, 65536, 4096, 8 } };
	struct device_params params = v1_params();
	struct client c;

	client_start(&c, &params);
	assert_int_equal(client_call(&c, USER_DIRTY_PAGES, &get_bitmap, 40),
			 -EINVAL);
	assert_int_equal(client_call(&c, USER_DIRTY_PAGES, &start, 8), 0);
	assert_int_equal(client_call(&c, USER_DIRTY_PAGES, &get_bitmap, 40), 0);
	assert_int_equal(c.reply.payload_bytes, 48);
	assert_int_equal(client_call(&c, USER_DIRTY_PAGES, &stop, 8), 0);
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
