/* SPDX-License-Identifier: MIT */
/* Guest memory: where regions lie, and what the accessor refuses. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "unit/unit.h"
#include "vmm/guestmem.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define CONTROL GUESTMEM_CONTROL_GPA

static void test_layout(void **state)
{
	static const struct {
		uint64_t ram, control;
		unsigned int nr;
		uint64_t low, high;
	} c[] = {
		{ 16 * MIB, 0, 1, 16 * MIB, 0 },
		{ 16 * MIB, 4096, 2, 16 * MIB, 0 },
		{ 3 * GIB, 4096, 2, 3 * GIB, 0 },
		{ 3 * GIB + 2 * MIB, 4096, 3, 3 * GIB, 2 * MIB },
		{ 8 * GIB, 0, 2, 3 * GIB, 5 * GIB },
	};
	struct guestmem mem;
	size_t i;

	for (i = 0; i < ARRAY_LEN(c); i++) {
		const struct guestmem_region *high;

		assert_int_equal(
			guestmem_init(&mem,
				      &(struct guestmem_params){
					      .ram_bytes = c[i].ram,
					      .backing = BACKING_ANON,
					      .control_bytes = c[i].control },
				      NULL),
			0);
		assert_int_equal(mem.nr_regions, c[i].nr);
		assert_int_equal(mem.region[0].gpa, 0);
		assert_int_equal(mem.region[0].bytes, c[i].low);
		assert_int_equal((uintptr_t)mem.region[0].hva % (2 * MIB), 0);
		assert_true(mem.region[0].is_ram);
		high = guestmem_region(&mem, "ram-high");
		assert_int_equal(high != NULL, c[i].high != 0);
		if (high) {
			assert_int_equal(high->gpa, 4 * GIB);
			assert_int_equal(high->bytes, c[i].high);
		}
		guestmem_exit(&mem);
	}
}

static void test_bad_sizes(void **state)
{
	static const struct {
		uint64_t ram, control;
	} c[] = {
		{ 0, 0 },
		{ 4096, 0 },
		{ 2 * MIB + 4096, 0 },
		{ 1ull << 46, 0 },
		{ 16 * MIB, 1 },
		{ 16 * MIB, GUESTMEM_CONTROL_MAX_BYTES + 4096 },
	};
	struct guestmem mem;
	size_t i;

	for (i = 0; i < ARRAY_LEN(c); i++) {
		struct error err = { "" };

		assert_int_equal(
			guestmem_init(&mem,
				      &(struct guestmem_params){
					      .ram_bytes = c[i].ram,
					      .backing = BACKING_ANON,
					      .control_bytes = c[i].control },
				      &err),
			-EINVAL);
		assert_true(err.text[0]);
	}
}

static void test_accessor(void **state)
{
	static const struct {
		uint64_t gpa, bytes;
		bool ok;
	} c[] = {
		{ 0, 0, true },
		{ 0, 16 * MIB, true },
		{ 0, 16 * MIB + 1, false },
		{ 16 * MIB - 1, 1, true },
		{ 16 * MIB - 1, 2, false },
		{ 16 * MIB, 0, false },
		{ 16 * MIB, 1, false },
		{ 4096, UINT64_MAX, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX, UINT64_MAX, false },
		{ CONTROL - 1, 1, false },
		{ CONTROL, 8192, true },
		{ CONTROL, 8193, false },
		{ CONTROL + 8191, 1, true },
		{ CONTROL + 8192, 1, false },
	};
	struct guestmem mem;
	size_t i;

	assert_int_equal(guestmem_init(&mem,
				       &(struct guestmem_params){
					       .ram_bytes = 16 * MIB,
					       .backing = BACKING_MEMFD,
					       .control_bytes = 8192 },
				       NULL),
			 0);
	assert_true(mem.region[0].memfd >= 0);
	for (i = 0; i < ARRAY_LEN(c); i++)
		if ((guestmem_at(&mem, c[i].gpa, c[i].bytes) != NULL) !=
		    c[i].ok)
			fail_msg("case %zu", i);
	assert_ptr_equal(guestmem_at(&mem, CONTROL + 5, 1),
			 guestmem_region(&mem, "control")->hva + 5);
	assert_null(guestmem_region(&mem, "ram-high"));
	guestmem_exit(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_accessor),
	};

	return cmocka_run_group_tests_name("vmm/guestmem", tests, NULL, NULL);
}
