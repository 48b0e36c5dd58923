/* SPDX-License-Identifier: MIT */
/* Does base/bitmap do what an array of bool does? */
#include "base/bitmap.h"

#include <string.h>

#include "unit/unit.h"

#define MAX_BITS 520u

/* Sizes about which word arithmetic goes wrong. */
static const unsigned int sizes[] = { 1,   2,	63,  64,  65,	   127,
				      128, 129, 191, 500, MAX_BITS };

struct pair {
	uint64_t map[BITMAP_WORDS(MAX_BITS)];
	bool model[MAX_BITS];
};

/* Marsaglia's xorshift64: the same bits in every run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* About one bit in @sparse set; 0 = all of them. */
static void fill(struct pair *p, unsigned int bits, unsigned int sparse,
		 uint64_t *random)
{
	unsigned int i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < bits; i++) {
		p->model[i] = !sparse || next_random(random) % sparse == 0;
		if (p->model[i])
			bitmap_set(p->map, i);
	}
}

static uint64_t model_count(const struct pair *p, unsigned int bits)
{
	uint64_t nr = 0;

	while (bits--)
		nr += p->model[bits];
	return nr;
}

static uint64_t model_next(const struct pair *p, unsigned int bits,
			   unsigned int from, bool value)
{
	while (from < bits && p->model[from] != value)
		from++;
	return from < bits ? from : bits;
}

static void check_pair(const struct pair *p, unsigned int bits)
{
	unsigned int i;

	assert_int_equal(bitmap_count(p->map, bits), model_count(p, bits));
	for (i = 0; i < bits; i++)
		assert_int_equal(bitmap_test(p->map, i), p->model[i]);
	for (i = 0; i <= bits + 1; i++) {
		assert_int_equal(bitmap_next(p->map, bits, i),
				 model_next(p, bits, i, true));
		assert_int_equal(bitmap_next_clear(p->map, bits, i),
				 model_next(p, bits, i, false));
	}
}

static void test_against_model(void **state)
{
	static const unsigned int sparse[] = { 0, 1, 2, 9, 200 };
	uint64_t random = 0x243f6a8885a308d3ull;
	struct pair p;
	size_t i, j;

	for (i = 0; i < ARRAY_LEN(sizes); i++)
		for (j = 0; j < ARRAY_LEN(sparse); j++) {
			fill(&p, sizes[i], sparse[j], &random);
			check_pair(&p, sizes[i]);
		}
}

static void test_no_bits(void **state)
{
	const uint64_t map = ~0ull;

	assert_int_equal(bitmap_count(&map, 0), 0);
	assert_int_equal(bitmap_next(&map, 0, 0), 0);
	assert_int_equal(bitmap_next_clear(&map, 0, 0), 0);
	assert_int_equal(BITMAP_WORDS(0), 0);
	assert_int_equal(BITMAP_BYTES(65), 16);
}

static void test_end_is_not_searched(void **state)
{
	const uint64_t map[2] = { 0, 1ull << 40 };

	assert_int_equal(bitmap_next(map, 64 + 40, 0), 64 + 40);
	assert_int_equal(bitmap_next(map, 64 + 41, 0), 64 + 40);
}

static void test_clear(void **state)
{
	uint64_t random = 7;
	struct pair p;
	unsigned int i;

	fill(&p, MAX_BITS, 0, &random);
	for (i = 0; i < MAX_BITS; i += 3) {
		bitmap_clear(p.map, i);
		bitmap_clear(p.map, i); /* once more changes nothing */
		p.model[i] = false;
	}
	check_pair(&p, MAX_BITS);
}

static void test_set_range(void **state)
{
	uint64_t random = 0x13198a2e03707344ull;
	struct pair p;
	unsigned int turn, i;

	for (turn = 0; turn < 200; turn++) {
		unsigned int first, nr;

		fill(&p, MAX_BITS, 30, &random);
		first = (unsigned int)(next_random(&random) % MAX_BITS);
		nr = (unsigned int)(next_random(&random) %
				    (MAX_BITS - first + 1));
		bitmap_set_range(p.map, first, nr);
		for (i = first; i < first + nr; i++)
			p.model[i] = true;
		assert_int_equal(bitmap_count(p.map, MAX_BITS),
				 model_count(&p, MAX_BITS));
		for (i = 0; i < MAX_BITS; i++)
			assert_int_equal(bitmap_test(p.map, i), p.model[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_no_bits),
		cmocka_unit_test(test_end_is_not_searched),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_set_range),
	};

	return cmocka_run_group_tests_name("base-bitmap", tests, NULL, NULL);
}
