/* SPDX-License-Identifier: MIT */
/* Does each deliberate fault show, and does it show only where it is asked? */
#include "vfio/device_faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client.h"
#include "dma.h"
#include "unit/unit.h"

#define ROOM (2u << 20)

static uint32_t answer(struct client *c, uint16_t command, const void *payload,
		       size_t bytes)
{
	client_call(c, command, payload, bytes);
	return (uint32_t)c->reply.payload_bytes;
}

/* All of a stream in STOP_COPY, and what comes behind its end. */
static size_t save(struct client *c, uint8_t *data, bool *ret_more)
{
	size_t bytes;

	assert_int_equal(client_set_state(c, MIG_STATE_STOP_COPY), 0);
	bytes = (size_t)client_data_read(c, data, 1 << 20);
	*ret_more = client_data_read(c, data + bytes, 100) > 0;
	client_set_state(c, MIG_STATE_RUNNING);
	return bytes;
}

static int load(struct client *c, const uint8_t *data, size_t bytes)
{
	int rc = client_set_state(c, MIG_STATE_RESUMING);

	if (!rc && bytes)
		rc = client_data_write(c, data, (uint32_t)bytes);
	if (!rc)
		rc = client_set_state(c, MIG_STATE_RUNNING);
	return rc;
}

/* Each: does the device show the fault? */
static bool shows_illegal_arc(struct client *c)
{
	client_set_state(c, MIG_STATE_STOP_COPY);
	return !client_set_state(c, MIG_STATE_PRE_COPY);
}

static bool shows_initial(struct client *c)
{
	return client_state(c) != MIG_STATE_RUNNING;
}

static bool shows_wrong_state(struct client *c)
{
	client_set_state(c, MIG_STATE_STOP);
	return client_state(c) == MIG_STATE_RUNNING;
}

static bool shows_after_end(struct client *c)
{
	static uint8_t data[ROOM];
	bool more;

	save(c, data, &more);
	return more;
}

static bool shows_short(struct client *c)
{
	struct device_params params = client_params;
	static uint8_t data[ROOM];
	struct client other;
	size_t bytes;
	bool more;
	int rc;

	params.faults = 0;
	bytes = save(c, data, &more);
	client_start(&other, &params);
	rc = load(&other, data, bytes);
	client_stop(&other);
	return rc;
}

static bool shows_stale(struct client *c)
{
	uint8_t data[8];

	return client_data_read(c, data, 8) >= 0;
}

static bool shows_growth(struct client *c)
{
	static uint8_t data[ROOM];
	int i, n = 0;

	client_set_state(c, MIG_STATE_PRE_COPY);
	for (i = 0; i < 3; i++)
		n = client_data_read(c, data, 1 << 20);
	return n != 0;
}

static bool shows_corrupt(struct client *c)
{
	static uint8_t data[ROOM];
	size_t bytes;
	bool more;

	bytes = save(c, data, &more);
	data[bytes / 2] ^= 1;
	return !load(c, data, bytes);
}

static bool shows_accepts_short(struct client *c)
{
	return !load(c, NULL, 0);
}

static bool shows_loss(struct client *c)
{
	static uint8_t data[ROOM];
	uint64_t mark = 12345;
	size_t bytes;
	bool more;

	client_region_write(c, ABI_DMA_BAR_MEMORY, 0, &mark, 8);
	bytes = save(c, data, &more);
	if (load(c, data, bytes))
		return false;
	client_region_read(c, ABI_DMA_BAR_MEMORY, 0, &mark, 8);
	return mark != 12345;
}

static bool shows_bad_reset(struct client *c)
{
	client_set_state(c, MIG_STATE_STOP);
	client_call(c, USER_RESET, NULL, 0);
	return client_state(c) == MIG_STATE_STOP;
}

static bool shows_forgetting(struct client *c)
{
	client_set_state(c, MIG_STATE_STOP_COPY);
	client_disconnect(c);
	client_connect(c, c->device);
	return client_state(c) == MIG_STATE_RUNNING;
}

static bool shows_reply_size(struct client *c)
{
	const struct user_device_info info = { .argsz = 64 };

	return answer(c, USER_GET_INFO, &info, sizeof(info)) != 16;
}

static bool shows_lost_irq(struct client *c)
{
	const struct user_irq_set set = { 20, 4 | 32, 2, 0, 1 };
	const struct user_irq_set raise = { 20, 1 | 32, 2, 0, 1 };
	int fd = eventfd(0, EFD_CLOEXEC), i;
	uint64_t n = 0;

	client_call_fds(c, USER_SET_IRQS, &set, sizeof(set), &fd, 1);
	for (i = 0; i < 16; i++)
		client_call(c, USER_SET_IRQS, &raise, sizeof(raise));
	assert_int_equal(read(fd, &n, 8), 8);
	close(fd);
	return n != 16;
}

static bool shows_overlap(struct client *c)
{
	client_map(c, 0, 8192, -1);
	return !client_map(c, 4096, 4096, -1);
}

static bool shows_range(struct client *c)
{
	uint32_t word;

	return !client_region_read(c, 0, 4096, &word, 4);
}

static bool shows_unknown(struct client *c)
{
	return !client_feature(c, VFIO_DEVICE_FEATURE_PROBE | 60, NULL, 0, 0);
}

static bool shows_unmap(struct client *c)
{
	client_map(c, 0, 4096, -1);
	client_unmap(c, 0, 4096);
	return client_map(c, 0, 4096, -1);
}

static const struct {
	enum device_fault fault;
	bool (*shows)(struct client *c);
} rows[] = {
	{ FAULT_ILLEGAL_ARC, shows_illegal_arc },
	{ FAULT_WRONG_INITIAL_STATE, shows_initial },
	{ FAULT_WRONG_STATE, shows_wrong_state },
	{ FAULT_SHORT_STREAM, shows_short },
	{ FAULT_DATA_AFTER_END, shows_after_end },
	{ FAULT_STALE_DATA_FD, shows_stale },
	{ FAULT_PRECOPY_GROWS, shows_growth },
	{ FAULT_ACCEPTS_CORRUPT_STREAM, shows_corrupt },
	{ FAULT_ACCEPTS_SHORT_STREAM, shows_accepts_short },
	{ FAULT_LOSES_STATE, shows_loss },
	{ FAULT_DMA_AFTER_UNMAP, shows_unmap },
	{ FAULT_BAD_RESET, shows_bad_reset },
	{ FAULT_FORGETS_STATE, shows_forgetting },
	{ FAULT_WRONG_REPLY_SIZE, shows_reply_size },
	{ FAULT_LOST_IRQ, shows_lost_irq },
	{ FAULT_OVERLAP_ACCEPTED, shows_overlap },
	{ FAULT_RANGE_UNCHECKED, shows_range },
	{ FAULT_UNKNOWN_ACCEPTED, shows_unknown },
};

static bool shown(uint32_t faults, bool (*shows)(struct client *c))
{
	struct device_params params = client_params;
	struct client c;
	bool yes;

	params.faults = faults;
	client_start(&c, &params);
	yes = shows(&c);
	client_stop(&c);
	return yes;
}

static void test_shown(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(shown(1u << rows[i].fault, rows[i].shows));
		assert_false(shown(0, rows[i].shows));
	}
}

static void test_names(void **state)
{
	enum device_fault fault;
	unsigned int i;

	for (i = 0; i < FAULT_NR; i++) {
		assert_int_equal(
			device_fault_find(device_faults[i].name, &fault), 0);
		assert_int_equal(fault, i);
		assert_non_null(device_faults[i].rule);
	}
	assert_int_equal(device_fault_find("list", &fault), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
