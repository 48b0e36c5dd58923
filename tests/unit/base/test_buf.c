/* SPDX-License-Identifier: MIT */
/* Does the buffer keep its bytes, and does the reader stay inside? */
#include "base/buf.h"

#include <errno.h>
#include <string.h>

#include "unit/unit.h"

static void test_grows_and_keeps(void **state)
{
	struct buf b = BUF_INIT;
	size_t i;

	for (i = 0; i < 3000; i++) {
		uint8_t byte = (uint8_t)(i * 7);

		assert_int_equal(buf_append(&b, &byte, 1), 0);
	}
	assert_int_equal(b.bytes, 3000);
	assert_true(b.room >= b.bytes);
	for (i = 0; i < 3000; i++)
		assert_int_equal(b.data[i], (uint8_t)(i * 7));
	buf_exit(&b);
	assert_null(b.data);
	assert_int_equal(b.bytes, 0);
	assert_int_equal(b.room, 0);
}

static void test_appends_zeros(void **state)
{
	static const uint8_t zeros[5000];
	struct buf b = BUF_INIT;

	assert_int_equal(buf_append(&b, "abc", 3), 0);
	assert_int_equal(buf_append(&b, NULL, sizeof(zeros)), 0);
	assert_int_equal(b.bytes, 3 + sizeof(zeros));
	assert_memory_equal(b.data, "abc", 3);
	assert_memory_equal(b.data + 3, zeros, sizeof(zeros));
	buf_exit(&b);
}

static void test_refuses_too_much(void **state)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX / 2,
					SIZE_MAX / 2 - 2 };
	struct buf b = BUF_INIT;
	size_t i;

	assert_int_equal(buf_append(&b, "abc", 3), 0);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_null(buf_reserve(&b, sizes[i]));
		assert_int_equal(buf_append(&b, NULL, sizes[i]), -ENOMEM);
	}
	assert_int_equal(b.bytes, 3);
	assert_memory_equal(b.data, "abc", 3);
	buf_exit(&b);
}

static void test_reserve_uses_nothing(void **state)
{
	struct buf b = BUF_INIT;

	assert_non_null(buf_reserve(&b, 0));
	memset(buf_reserve(&b, 10000), 1, 10000);
	assert_int_equal(b.bytes, 0);
	assert_true(b.room >= 10000);
	buf_exit(&b);
	buf_exit(&b); /* twice does no harm */
}

static void test_reader(void **state)
{
	const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
	struct reader r = { bytes, sizeof(bytes) };
	uint8_t got[4] = { 0 };

	assert_int_equal(reader_get(&r, got, 2), 0);
	assert_int_equal(got[1], 2);
	assert_ptr_equal(reader_skip(&r, 1), bytes + 2);
	assert_int_equal(r.left, 2);
	assert_int_equal(reader_get(&r, got, 2), 0);
	assert_int_equal(got[1], 5);
	assert_int_equal(r.left, 0);
}

static void test_reader_stays_inside(void **state)
{
	const uint8_t bytes[] = { 1, 2, 3 };
	struct reader r = { bytes, sizeof(bytes) };
	uint8_t got[8] = { 9 };

	assert_int_equal(reader_get(&r, got, 4), -EPROTO);
	assert_int_equal(reader_get(&r, got, SIZE_MAX), -EPROTO);
	assert_null(reader_skip(&r, 4));
	assert_null(reader_skip(&r, SIZE_MAX));
	assert_int_equal(got[0], 9);
	assert_int_equal(r.left, 3); /* failing went past nothing */
	assert_non_null(reader_skip(&r, 3));
	assert_int_equal(reader_get(&r, got, 1), -EPROTO);
}

static void test_reader_of_nothing(void **state)
{
	struct reader r = { NULL, 0 };
	uint8_t got;

	assert_int_equal(reader_get(&r, &got, 1), -EPROTO);
	assert_int_equal(reader_get(&r, &got, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_and_keeps),
		cmocka_unit_test(test_appends_zeros),
		cmocka_unit_test(test_refuses_too_much),
		cmocka_unit_test(test_reserve_uses_nothing),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_reader_stays_inside),
		cmocka_unit_test(test_reader_of_nothing),
	};

	return cmocka_run_group_tests_name("base-buf", tests, NULL, NULL);
}
