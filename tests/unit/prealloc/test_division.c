/* SPDX-License-Identifier: MIT */
/* Does each page belong to one thread, and to the one that the method says? */
#include "prealloc/division.h"

#include "unit/unit.h"

typedef struct division divide(uint64_t, unsigned int, unsigned int);

/* Shares follow one another without a gap; least and most of them. */
static void check(divide *f, uint64_t nr_pages, unsigned int nr_shares,
		  uint64_t *ret_least, uint64_t *ret_most, uint64_t *ret_last)
{
	uint64_t next = 0;
	unsigned int i;

	*ret_least = UINT64_MAX;
	*ret_most = 0;
	for (i = 0; i < nr_shares; i++) {
		struct division d = f(nr_pages, nr_shares, i);

		assert_int_equal(d.first, next);
		next += d.nr;
		*ret_least = d.nr < *ret_least ? d.nr : *ret_least;
		*ret_most = d.nr > *ret_most ? d.nr : *ret_most;
		*ret_last = d.nr;
	}
	assert_int_equal(next, nr_pages);
}

static const struct {
	uint64_t pages;
	unsigned int shares;
	uint64_t split_each, split_last, even_least, even_most;
} rows[] = {
	{ 0, 1, 0, 0, 0, 0 },
	{ 1, 1, 1, 1, 1, 1 },
	{ 1, 4, 0, 1, 0, 1 },
	{ 7, 8, 0, 7, 0, 1 },
	{ 8, 8, 1, 1, 1, 1 },
	/* systems.md, section 2: 63 threads of 2 and one of 34. */
	{ 160, 64, 2, 34, 2, 3 },
	{ 1ull << 40, 1024, 1ull << 30, 1ull << 30, 1ull << 30, 1ull << 30 },
	{ (1ull << 40) + 1023, 1024, 1ull << 30, (1ull << 30) + 1023,
	  1ull << 30, (1ull << 30) + 1 },
};

static void test_shares(void **state)
{
	uint64_t least, most, last;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		check(division_split, rows[i].pages, rows[i].shares, &least,
		      &most, &last);
		assert_int_equal(last, rows[i].split_last);
		assert_int_equal(most, rows[i].split_last);
		assert_int_equal(least, rows[i].split_each);
		check(division_even, rows[i].pages, rows[i].shares, &least,
		      &most, &last);
		assert_int_equal(least, rows[i].even_least);
		assert_int_equal(most, rows[i].even_most);
	}
}

/* 32 threads of 3 and 32 of 2. */
static void test_even_remainder(void **state)
{
	unsigned int i, nr[4] = { 0 };

	for (i = 0; i < 64; i++)
		nr[division_even(160, 64, i).nr]++;
	assert_int_equal(nr[2], 32);
	assert_int_equal(nr[3], 32);
}

static void test_chunks(void **state)
{
	assert_int_equal(division_chunk_pages(4096), 512);
	assert_int_equal(division_chunk_pages(2 << 20), 1);
	assert_int_equal(division_chunk_pages(1 << 30), 1);
}

/* Many at first, one in the end; one thread has nobody to share with. */
static void test_turns(void **state)
{
	assert_int_equal(division_turn_chunks(2048, 1, 32), 32);
	assert_int_equal(division_turn_chunks(7, 1, 32), 7);
	assert_int_equal(division_turn_chunks(2048, 2, 32), 32);
	assert_int_equal(division_turn_chunks(80, 2, 32), 10);
	assert_int_equal(division_turn_chunks(3, 2, 32), 1);
	assert_int_equal(division_turn_chunks(2048, 16, 32), 32);
	assert_int_equal(division_turn_chunks(2048, 1, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_even_remainder),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
