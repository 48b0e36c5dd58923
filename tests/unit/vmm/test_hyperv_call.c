/* SPDX-License-Identifier: MIT */
/* Hypercalls: what comes in is looked at, every word of it. */
#include <string.h>

#include "hyperv_machine.h"

#define IN 0x6000u
#define REPS(n) ((uint64_t)(n) << HV_CALL_REPS_SHIFT)
#define START(n) ((uint64_t)(n) << HV_CALL_START_SHIFT)
#define HEADER(n) ((uint64_t)(n) << HV_CALL_HEADER_SHIFT)
#define FAST HV_CALL_FAST

enum { NONE, FLUSHED, SENT };

static const struct {
	uint64_t control, input, output; /* @output of the fast ones */
	uint64_t words[6]; /* in memory */
	unsigned int status, done;
	uint64_t vps; /* flushed; or the last that was sent to */
	int effect;
} rows[] = {
	/* codes, and what is reserved */
	{ 0xfff, 0, 0, { 0 }, HV_STATUS_INVALID_CODE, 0, 0, NONE },
	{ 0, 0, 0, { 0 }, HV_STATUS_INVALID_CODE, 0, 0, NONE },
	{ HV_CALL_POST_MESSAGE,
	  0,
	  0,
	  { 0 },
	  HV_STATUS_INVALID_CODE,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE | 1ull << 27,
	  IN,
	  0,
	  { 0, 3, 0 },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE | 1ull << 63,
	  IN,
	  0,
	  { 0, 3, 0 },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	/* flush */
	{ HV_CALL_FLUSH_SPACE, IN, 0, { 0x5000, 0, 2 }, 0, 0, 2, FLUSHED },
	{ HV_CALL_FLUSH_SPACE, IN, 0, { 0x5000, 1, 0 }, 0, 0, 7, FLUSHED },
	{ HV_CALL_FLUSH_SPACE, IN, 0, { 0, 2, ~0ull }, 0, 0, 7, FLUSHED },
	{ HV_CALL_FLUSH_SPACE,
	  IN,
	  0,
	  { 0, 8, 1 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE | FAST,
	  IN,
	  0,
	  { 0, 1, 0 },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE | REPS(1),
	  IN,
	  0,
	  { 0, 1, 0 },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE | HEADER(1),
	  IN,
	  0,
	  { 0, 1, 0 },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE,
	  IN + 4,
	  0,
	  { 0, 1, 0 },
	  HV_STATUS_INVALID_ALIGNMENT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE,
	  IN + 4096 - 16,
	  0,
	  { 0 },
	  HV_STATUS_INVALID_ALIGNMENT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE,
	  RAM_BYTES,
	  0,
	  { 0 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE,
	  ~7ull,
	  0,
	  { 0 },
	  HV_STATUS_INVALID_ALIGNMENT,
	  0,
	  0,
	  NONE },
	/* lists */
	{ HV_CALL_FLUSH_LIST | REPS(2),
	  IN,
	  0,
	  { 0, 0, 1, 0x1000, 0x2000 },
	  0,
	  2,
	  1,
	  FLUSHED },
	{ HV_CALL_FLUSH_LIST,
	  IN,
	  0,
	  { 0, 0, 1 },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_LIST | REPS(2) | START(2),
	  IN,
	  0,
	  { 0, 0, 1 },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_LIST | REPS(4095),
	  IN,
	  0,
	  { 0, 0, 1 },
	  HV_STATUS_INVALID_ALIGNMENT,
	  0,
	  0,
	  NONE },
	/* sets of any size */
	{ HV_CALL_FLUSH_SPACE_EX | HEADER(1),
	  IN,
	  0,
	  { 0, 0, 0, 1, 5 },
	  0,
	  0,
	  5,
	  FLUSHED },
	{ HV_CALL_FLUSH_SPACE_EX | HEADER(2),
	  IN,
	  0,
	  { 0, 0, 0, 3, 4, 9 },
	  0,
	  0,
	  4,
	  FLUSHED },
	{ HV_CALL_FLUSH_SPACE_EX | HEADER(1),
	  IN,
	  0,
	  { 0, 0, 0, 2, 5 },
	  0,
	  0,
	  0,
	  FLUSHED },
	{ HV_CALL_FLUSH_SPACE_EX, IN, 0, { 0, 0, 1, 0 }, 0, 0, 7, FLUSHED },
	{ HV_CALL_FLUSH_SPACE_EX,
	  IN,
	  0,
	  { 0, 0, 2, 0 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE_EX | HEADER(2),
	  IN,
	  0,
	  { 0, 0, 0, 1, 5 },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE_EX,
	  IN,
	  0,
	  { 0, 0, 0, ~0ull },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_SPACE_EX | HEADER(64),
	  IN + 0xf00,
	  0,
	  { 0, 0, 0, ~0ull },
	  HV_STATUS_INVALID_ALIGNMENT,
	  0,
	  0,
	  NONE },
	{ HV_CALL_FLUSH_LIST_EX | HEADER(1) | REPS(1),
	  IN,
	  0,
	  { 0, 0, 0, 1, 6, 0x1000 },
	  0,
	  1,
	  6,
	  FLUSHED },
	{ HV_CALL_FLUSH_LIST_EX | HEADER(1023) | REPS(1),
	  IN,
	  0,
	  { 0, 0, 0, 1, 6 },
	  HV_STATUS_INVALID_ALIGNMENT,
	  0,
	  0,
	  NONE },
	/* interrupts */
	{ HV_CALL_SEND_IPI | FAST, 0x40, 4, { 0 }, 0, 0, 2, SENT },
	{ HV_CALL_SEND_IPI, IN, 0, { 0x40, 2 }, 0, 0, 1, SENT },
	{ HV_CALL_SEND_IPI | FAST,
	  15,
	  4,
	  { 0 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_SEND_IPI | FAST,
	  256,
	  4,
	  { 0 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_SEND_IPI | FAST,
	  0x100000040,
	  4,
	  { 0 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_SEND_IPI | FAST,
	  0x40,
	  8,
	  { 0 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_SEND_IPI_EX | HEADER(1),
	  IN,
	  0,
	  { 0x40, 0, 1, 4 },
	  0,
	  0,
	  2,
	  SENT },
	{ HV_CALL_SEND_IPI_EX | HEADER(2),
	  IN,
	  0,
	  { 0x40, 0, 3, 4, 1 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_SEND_IPI_EX | FAST,
	  0x40,
	  4,
	  { 0 },
	  HV_STATUS_INVALID_INPUT,
	  0,
	  0,
	  NONE },
	/* events that do not get through */
	{ HV_CALL_SIGNAL_EVENT | FAST,
	  77,
	  0,
	  { 0 },
	  HV_STATUS_INVALID_CONNECTION,
	  0,
	  0,
	  NONE },
	{ HV_CALL_SIGNAL_EVENT | FAST,
	  1ull << 48,
	  0,
	  { 0 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_SIGNAL_EVENT | FAST,
	  HV_LOOP_SINT(2) | 2048ull << 32,
	  0,
	  { 0 },
	  HV_STATUS_INVALID_PARAMETER,
	  0,
	  0,
	  NONE },
	{ HV_CALL_SIGNAL_EVENT | FAST,
	  HV_LOOP_SINT(2),
	  0,
	  { 0 },
	  HV_STATUS_INVALID_CONNECTION,
	  0,
	  0,
	  NONE },
};

static void test_rows(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct machine *m = machine_create(3, ALL_FEATURES, 0);
		uint64_t result;

		memcpy(m->ram + IN, rows[i].words, sizeof(rows[i].words));
		if (rows[i].input == IN + 0xf00)
			memcpy(m->ram + IN + 0xf00, rows[i].words,
			       sizeof(rows[i].words));
		result = hv_call(&m->hv, 0, rows[i].control, rows[i].input,
				 rows[i].output);
		if ((result & 0xffff) != rows[i].status)
			print_error("row %zu\n", i);
		assert_int_equal(result & 0xffff, rows[i].status);
		assert_int_equal(result >> HV_CALL_REPS_SHIFT, rows[i].done);
		assert_int_equal(m->nr_flushes, rows[i].effect == FLUSHED);
		assert_int_equal(m->nr_interrupts, rows[i].effect == SENT);
		if (rows[i].effect == FLUSHED)
			assert_int_equal(m->flushed, rows[i].vps);
		if (rows[i].effect == SENT)
			assert_int_equal(m->last_vp, rows[i].vps);
		machine_destroy(m);
	}
}

static void test_not_offered(void **state)
{
	struct machine *m = machine_create(1, 0, 0);

	assert_int_equal(hv_call(&m->hv, 0, HV_CALL_FLUSH_SPACE, IN, 0),
			 HV_STATUS_ACCESS_DENIED);
	assert_int_equal(hv_call(&m->hv, 0, HV_CALL_SEND_IPI | FAST, 64, 1),
			 HV_STATUS_ACCESS_DENIED);
	machine_destroy(m);
}

/* 64 processors: the mask of all is not shifted out. */
static void test_many(void **state)
{
	struct machine *m = machine_create(64, ALL_FEATURES, 0);

	assert_int_equal(hv_call(&m->hv, 0, HV_CALL_SEND_IPI | FAST, 64, ~0ull),
			 0);
	assert_int_equal(m->nr_interrupts, 64);
	machine_destroy(m);
}

static void test_event(void **state)
{
	struct machine *m = machine_create(2, ALL_FEATURES, 0);
	uint64_t event = HV_LOOP_SINT(2) | 9ull << 32;

	machine_open_synic(m, 1);
	assert_int_equal(
		hv_call(&m->hv, 1, HV_CALL_SIGNAL_EVENT | FAST, event, 0), 0);
	assert_int_equal(m->last_vp, 1);
	assert_int_equal(m->last_vector, 0x50);
	assert_int_equal(m->ram[0x3000 + 2 * HV_EVENT_BYTES + 1], 2);
	/* It is up already. */
	assert_int_equal(
		hv_call(&m->hv, 1, HV_CALL_SIGNAL_EVENT | FAST, event, 0), 0);
	assert_int_equal(m->nr_interrupts, 1);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_not_offered),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
