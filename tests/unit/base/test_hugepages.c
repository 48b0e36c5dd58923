/* SPDX-License-Identifier: MIT */
/* Is the remedy for too small a pool the right number? */
#include "base/hugepages.h"

#include <errno.h>

#include "unit/unit.h"

#define BYTES_2M (2ull << 20)
#define BYTES_1G (1ull << 30)

static const struct {
	struct hugepages pool;
	uint64_t page_bytes, wanted;
	const char *text;
} rows[] = {
	{ { 0, 0, 0, 0 },
	  BYTES_2M,
	  160,
	  "160 more 2 MiB pages: sysctl vm.nr_hugepages=160" },
	{ { 100, 40, 0, 0 },
	  BYTES_2M,
	  41,
	  "1 more 2 MiB page: sysctl vm.nr_hugepages=101" },
	/* What is promised is not free; what is surplus goes again. */
	{ { 100, 40, 30, 0 },
	  BYTES_2M,
	  20,
	  "10 more 2 MiB pages: sysctl vm.nr_hugepages=110" },
	{ { 100, 0, 0, 20 },
	  BYTES_2M,
	  2,
	  "2 more 2 MiB pages: sysctl vm.nr_hugepages=82" },
	/* Given back meanwhile: still something to do. */
	{ { 100, 100, 0, 0 },
	  BYTES_2M,
	  2,
	  "1 more 2 MiB page: sysctl vm.nr_hugepages=101" },
	{ { 1, 0, 5, 0 },
	  BYTES_1G,
	  4,
	  "4 more 1 GiB pages: echo 5 > /sys/kernel/mm/hugepages/"
	  "hugepages-1048576kB/nr_hugepages" },
};

static void test_remedy(void **state)
{
	char text[HUGEPAGES_TEXT_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(hugepages_remedy_for(&rows[i].pool,
							 rows[i].page_bytes,
							 rows[i].wanted, text),
				    rows[i].text);
}

static void test_no_such_pages(void **state)
{
	struct hugepages pool = { .nr = 77 };
	char text[HUGEPAGES_TEXT_BYTES];

	assert_int_equal(hugepages_read(12288, &pool), -ENOENT);
	assert_int_equal(pool.nr, 77);
	assert_string_equal(hugepages_remedy(12288, 1, text),
			    "this kernel has no 12 KiB pages: boot it with "
			    "hugepagesz= and hugepages=, or take another "
			    "--page-size");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remedy),
		cmocka_unit_test(test_no_such_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
