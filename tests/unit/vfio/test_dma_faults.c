/* SPDX-License-Identifier: MIT */
/* Do the faults of DMA and of its log show, and only where they are asked? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/clock.h"
#include "bench.h"
#include "unit/unit.h"
#include "vfio/device_faults.h"

#define NR (BENCH_NR_PAGES + 1)

/* After some steps: what changed, and what the log says. */
static void compare(struct bench *b, uint64_t *changed, uint64_t *logged)
{
	uint8_t *before = malloc(BENCH_BYTES);
	uint64_t i;

	assert_non_null(before);
	memcpy(before, b->memory, BENCH_BYTES);
	memset(changed, 0, 16);
	assert_int_equal(bench_start_logging(&b->c, BENCH_BASE, BENCH_BYTES),
			 0);
	bench_run(b, ABI_DMA_CONTROL_RUN);
	bench_wait_steps(b, 20);
	bench_run(b, 0);
	assert_int_equal(
		bench_report(&b->c, BENCH_BASE, BENCH_BYTES, 4096, logged, 16),
		0);
	for (i = 0; i < NR; i++)
		if (memcmp(before + i * 4096, b->memory + i * 4096, 4096))
			bitmap_set(changed, i);
	free(before);
}

static bool shows_missed(struct bench *b)
{
	uint64_t changed[2], logged[2];

	compare(b, changed, logged);
	return (changed[0] & ~logged[0]) || (changed[1] & ~logged[1]);
}

static bool shows_extra(struct bench *b)
{
	uint64_t changed[2], logged[2];

	compare(b, changed, logged);
	return (logged[0] & ~changed[0]) || (logged[1] & ~changed[1]);
}

static bool shows_not_cleared(struct bench *b)
{
	uint64_t changed[2], logged[2];

	compare(b, changed, logged);
	assert_int_equal(
		bench_report(&b->c, BENCH_BASE, BENCH_BYTES, 4096, logged, 16),
		0);
	return logged[0] || logged[1];
}

/* Does the counter move in that state? */
static bool moves_in(struct bench *b, uint32_t state)
{
	uint64_t before;

	bench_run(b, ABI_DMA_CONTROL_RUN);
	bench_wait_steps(b, 1);
	assert_int_equal(client_set_state(&b->c, state), 0);
	before = bench_counter(b);
	clock_sleep_until_ns(clock_now_ns() + 30 * NSEC_PER_MSEC);
	return bench_counter(b) != before;
}

static bool shows_p2p(struct bench *b)
{
	return moves_in(b, MIG_STATE_RUNNING_P2P);
}

static bool shows_stop(struct bench *b)
{
	return moves_in(b, MIG_STATE_STOP_COPY);
}

static const struct {
	enum device_fault fault;
	bool (*shows)(struct bench *b);
} rows[] = {
	{ FAULT_MISSED_DIRTY, shows_missed },
	{ FAULT_EXTRA_DIRTY, shows_extra },
	{ FAULT_DIRTY_NOT_CLEARED, shows_not_cleared },
	{ FAULT_IGNORES_P2P, shows_p2p },
	{ FAULT_DMA_AFTER_STOP, shows_stop },
};

static bool shown(uint32_t faults, bool (*shows)(struct bench *b))
{
	struct device_params params = client_params;
	struct bench b;
	bool yes;

	params.faults = faults;
	bench_init(&b, &params, false, true);
	yes = shows(&b);
	bench_exit(&b);
	return yes;
}

/* Each of these faults shows in its own check and in no other. */
static void test_shown(void **state)
{
	size_t i, j;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_false(shown(0, rows[i].shows));
		for (j = 0; j < ARRAY_LEN(rows); j++)
			assert_int_equal(
				shown(1u << rows[j].fault, rows[i].shows),
				i == j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
