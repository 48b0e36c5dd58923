/* SPDX-License-Identifier: MIT */
/* Do all ways to see that a page is zero see the same? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fake_vm.h"
#include "migrate/zero.h"

#define BITS (FAKE_PAGE * 8)

/* One page in the middle: what lies around it must not matter. */
static uint8_t room[3 * FAKE_PAGE] __attribute__((aligned(64)));
static uint8_t *const page = room + FAKE_PAGE;

/* Return: what all variants say; they must agree. */
static bool all_say(void)
{
	bool said = zero_variants[zero_nr_variants - 1].is_zero(page);
	size_t i;

	for (i = 0; i < zero_nr_variants; i++)
		if (zero_variants[i].supported())
			assert_int_equal(zero_variants[i].is_zero(page), said);
	return said;
}

static void test_zero(void **state)
{
	memset(room, 0xff, sizeof(room));
	memset(page, 0, FAKE_PAGE);
	assert_true(all_say());
}

static void test_each_bit(void **state)
{
	uint32_t bit;

	memset(room, 0, sizeof(room));
	for (bit = 0; bit < BITS; bit++) {
		page[bit / 8] = (uint8_t)(1 << bit % 8);
		assert_false(all_say());
		page[bit / 8] = 0;
	}
	assert_true(all_say());
}

static void test_random(void **state)
{
	uint64_t random = 1;
	int i;

	memset(room, 0, sizeof(room));
	for (i = 0; i < 2000; i++) {
		uint64_t value = fake_random(&random);
		size_t at = fake_random(&random) % FAKE_PAGE;

		/* A byte, which may be zero. */
		page[at] = value % 2 ? (uint8_t)(value >> 8) : 0;
		assert_int_equal(all_say(), !page[at]);
		page[at] = 0;
	}
}

static void test_best_is_supported(void **state)
{
	assert_true(zero_best()->supported());
	assert_true(zero_variants[zero_nr_variants - 1].supported());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_best_is_supported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
