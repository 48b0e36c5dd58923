/* SPDX-License-Identifier: MIT */
/* Does the bisection end, with the right bracket, and try no more than it must,
 * also where the answers are noisy? */
#include "tools/bisect.h"

#include "unit/unit.h"

#define MB 1000000ull

static const struct bisect_params base = {
	.min = MB,
	.max = 1000 * MB,
	.resolution = 0.05,
	.tries = 1,
	.need = 1,
};

/* All up to @edge pass. Return: values that were tried. */
static unsigned int search(struct bisect *b, const struct bisect_params *params,
			   uint64_t edge)
{
	unsigned int nr = 0;

	bisect_init(b, params);
	while (b->value) {
		assert_true(b->value >= params->min);
		assert_true(b->value <= params->max);
		/* Nothing is asked whose answer is known. */
		assert_true(!b->passed || b->value > b->passed);
		assert_true(!b->failed || b->value < b->failed);
		nr += bisect_tell(b, b->value <= edge);
		assert_true(nr <= bisect_max_values(params));
	}
	return nr;
}

static void test_none(void **state)
{
	struct bisect b;

	assert_int_equal(search(&b, &base, MB - 1), 1);
	assert_int_equal(b.passed, 0);
	assert_int_equal(b.failed, MB);
}

static void test_all(void **state)
{
	struct bisect b;

	assert_int_equal(search(&b, &base, 1000 * MB), 2);
	assert_int_equal(b.passed, 1000 * MB);
	assert_int_equal(b.failed, 0);
}

static void test_bracket(void **state)
{
	static const uint64_t edges[] = { MB,	    MB + 1,   3 * MB,
					  100 * MB, 618 * MB, 1000 * MB - 1 };
	struct bisect b;
	size_t i;

	for (i = 0; i < ARRAY_LEN(edges); i++) {
		search(&b, &base, edges[i]);
		assert_true(b.passed && b.passed <= edges[i]);
		assert_true(b.failed > edges[i]);
		assert_true((double)b.failed <= 1.05 * (double)b.passed);
	}
}

static void test_number_of_values(void **state)
{
	struct bisect_params p = base;
	struct bisect b;

	/* A factor of 1000 in steps of 5 %: 142, or 8 halvings, and the ends. */
	assert_int_equal(bisect_max_values(&p), 10);
	assert_true(search(&b, &p, 100 * MB) >= 9);
	p.resolution = 1000;
	assert_int_equal(bisect_max_values(&p), 2);
	assert_int_equal(search(&b, &p, 100 * MB), 2);
	assert_int_equal(b.passed, MB);
	assert_int_equal(b.failed, 1000 * MB);
	p.max = p.min;
	assert_int_equal(bisect_max_values(&p), 1);
	assert_int_equal(search(&b, &p, 100 * MB), 1);
	assert_int_equal(b.passed, MB);
}

static void test_neighbours(void **state)
{
	struct bisect_params p = base;
	struct bisect b;

	p.min = 1;
	p.max = 9;
	p.resolution = 1e-9;
	bisect_init(&b, &p);
	while (b.value)
		bisect_tell(&b, b.value <= 4);
	assert_int_equal(b.passed, 4);
	assert_int_equal(b.failed, 5);
}

static void test_votes(void **state)
{
	static const struct {
		unsigned int tries, need;
		const char *votes;
		bool passes;
	} rows[] = {
		{ 1, 1, "+", true },	{ 1, 1, "-", false },
		{ 3, 2, "++", true },	{ 3, 2, "+-+", true },
		{ 3, 2, "-++", true },	{ 3, 2, "--", false },
		{ 3, 2, "-+-", false }, { 3, 3, "+++", true },
		{ 3, 3, "-", false },	{ 3, 3, "++-", false },
		{ 3, 1, "+", true },	{ 3, 1, "--+", true },
		{ 3, 1, "---", false }, { 5, 3, "+-+-+", true },
	};
	struct bisect_params p = base;
	struct bisect b;
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		p.tries = rows[i].tries;
		p.need = rows[i].need;
		bisect_init(&b, &p);
		for (k = 0; rows[i].votes[k]; k++) {
			assert_int_equal(b.value, p.min);
			/* Settled with the last of them and not before. */
			assert_int_equal(
				bisect_tell(&b, rows[i].votes[k] == '+'),
				!rows[i].votes[k + 1]);
		}
		assert_int_equal(b.passed, rows[i].passes ? p.min : 0);
		assert_int_equal(b.failed, rows[i].passes ? 0 : p.min);
	}
}

/* A linear congruential generator: the same noise each time. */
static unsigned int noise(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(*state >> 33) % 100;
}

/* Within 20 % of the edge a try lies; far from it, one in 20 does. */
static bool noisy(uint64_t value, uint64_t edge, uint64_t *state)
{
	unsigned int dice = noise(state);

	if (value * 5 > edge * 4 && value * 5 < edge * 6)
		return dice < 50;
	return value < edge ? dice >= 5 : dice < 5;
}

static void test_noise(void **state)
{
	struct bisect_params p = base;
	unsigned int good = 0, i;
	uint64_t seed = 1;
	struct bisect b;

	p.tries = 5;
	p.need = 3;
	for (i = 0; i < 1000; i++) {
		bisect_init(&b, &p);
		while (b.value)
			bisect_tell(&b, noisy(b.value, 100 * MB, &seed));
		good += b.passed >= 75 * MB && b.failed <= 125 * MB;
	}
	/* 3 wrong ones of 5: 0.12 % a value, 10 values. */
	assert_true(good > 970);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_bracket),
		cmocka_unit_test(test_number_of_values),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_votes),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
