/* SPDX-License-Identifier: MIT */
/* Hyper-V's state there and back, and its clock on another machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hyperv_machine.h"
#include "unit/random.h"
#include "vmm/hyperv_state.h"

#define SECOND 10000000ull

static void fill(struct machine *m)
{
	machine_open_calls(m);
	machine_open_synic(m, 1);
	must_write(m, 0, HV_MSR_VP_ASSIST_PAGE, 0x5000 | HV_PAGE_ENABLED);
	must_write(m, 0, HV_MSR_REFERENCE_TSC, 0x4000 | HV_PAGE_ENABLED);
	must_write(m, 1, HV_MSR_STIMER0_CONFIG,
		   HV_STIMER_PERIODIC | HV_STIMER_AUTO |
			   2u << HV_STIMER_SINT_SHIFT);
	must_write(m, 1, HV_MSR_STIMER0_COUNT, 5000);
	machine_pass(m, 7000);
}

/* A copy of just that size, whose end ASan guards. */
static int read_state(struct machine *m, const struct buf *b, size_t bytes,
		      struct hv_saved *s, struct error *err)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, b->data, bytes);
	rc = hv_state_read(&m->hv, copy, bytes, s, err);
	free(copy);
	return rc;
}

static void test_there_and_back(void **state)
{
	struct machine *a = machine_create(2, ALL_FEATURES, 0);
	struct machine *b = machine_create(2, ALL_FEATURES, 0);
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct hv_saved *s = malloc(sizeof(*s));
	struct error err = { "" };

	assert_non_null(s);
	fill(a);
	b->tsc = a->tsc;
	assert_int_equal(hv_state_save(&a->hv, &one), 0);
	assert_int_equal(read_state(b, &one, one.bytes, s, &err), 0);
	hv_state_load(&b->hv, s);
	assert_int_equal(hv_state_save(&b->hv, &two), 0);
	assert_int_equal(one.bytes, two.bytes);
	assert_memory_equal(one.data, two.data, one.bytes);
	assert_int_equal(hv_next_due(&a->hv), hv_next_due(&b->hv));
	assert_true(hv_may_call(&b->hv));
	/* What it ran goes on, whatever this thread has run. */
	machine_pass(b, 100);
	assert_int_equal(must_read(b, 1, HV_MSR_VP_RUNTIME),
			 s->vp[1].runtime + 100);
	buf_exit(&one);
	buf_exit(&two);
	free(s);
	machine_destroy(a);
	machine_destroy(b);
}

static void test_refused(void **state)
{
	struct machine *a = machine_create(2, ALL_FEATURES, 0);
	struct machine *less =
		machine_create(2, ALL_FEATURES & ~HYPERV_BIT(HYPERV_IPI), 0);
	struct machine *more = machine_create(3, ALL_FEATURES, 0);
	struct hv_saved *s = malloc(sizeof(*s));
	struct buf b = BUF_INIT;
	struct error err = { "" };
	size_t n;

	assert_non_null(s);
	fill(a);
	assert_int_equal(hv_state_save(&a->hv, &b), 0);
	assert_int_equal(read_state(less, &b, b.bytes, s, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "--hv-"));
	assert_int_equal(read_state(more, &b, b.bytes, s, &err), -EPROTO);
	for (n = 0; n < b.bytes; n++)
		assert_int_equal(read_state(a, &b, n, s, &err), -EPROTO);
	buf_append(&b, "x", 1);
	assert_int_equal(read_state(a, &b, b.bytes, s, &err), -EPROTO);
	buf_exit(&b);
	free(s);
	machine_destroy(a);
	machine_destroy(less);
	machine_destroy(more);
}

/* What no register can be made to hold. */
static void test_impossible(void **state)
{
	static const struct {
		size_t offset;
		uint64_t value;
	} rows[] = {
		{ offsetof(struct hv_vp, sint[3]), 4 },
		{ offsetof(struct hv_vp, timer[1].config), 1ull << 40 },
		{ offsetof(struct hv_vp, timer[1].due), 5 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct machine *a = machine_create(2, ALL_FEATURES, 0);
		struct hv_saved *s = malloc(sizeof(*s));
		struct buf b = BUF_INIT;
		struct error err = { "" };

		assert_non_null(s);
		memcpy((uint8_t *)&a->hv.vp[1] + rows[i].offset, &rows[i].value,
		       sizeof(rows[i].value));
		assert_int_equal(hv_state_save(&a->hv, &b), 0);
		assert_int_equal(read_state(a, &b, b.bytes, s, &err), -EPROTO);
		assert_true(err.text[0]);
		buf_exit(&b);
		free(s);
		machine_destroy(a);
	}
}

/* Flipped bits: refused, or a machine that goes on without harm. */
static void test_hostile(void **state)
{
	struct machine *a = machine_create(2, ALL_FEATURES, 0);
	struct hv_saved *s = malloc(sizeof(*s));
	struct rng rng = { 42 };
	struct error err = { "" };
	struct buf b = BUF_INIT;
	unsigned int i, taken = 0;

	assert_non_null(s);
	fill(a);
	assert_int_equal(hv_state_save(&a->hv, &b), 0);
	for (i = 0; i < 5000; i++) {
		size_t at = rng_below(&rng, b.bytes);
		uint8_t was = b.data[at];

		b.data[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
		if (!read_state(a, &b, b.bytes, s, &err)) {
			hv_state_load(&a->hv, s);
			hv_write_tsc_page(&a->hv);
			machine_pass(a, 6000);
			hv_msr_write(&a->hv, 1, HV_MSR_EOM, 0);
			taken++;
		}
		b.data[at] = was;
	}
	assert_true(taken > 1000 && taken < 5000);
	buf_exit(&b);
	free(s);
	machine_destroy(a);
}

static const struct hv_clock_move base = {
	.ref = 100 * SECOND,
	.elapsed_100ns = SECOND,
	.tsc_hz = TSC_HZ,
	.saved_tsc_hz = TSC_HZ,
};

static struct hv_clock clock_at_save(uint64_t tsc)
{
	struct hv_clock c = { .sequence = 0 };

	hv_clock_start(&c, TSC_HZ, tsc, base.ref);
	return c;
}

static void test_clock(void **state)
{
	const uint64_t tsc = 5ull * TSC_HZ;
	struct hv_clock_move m = base;
	struct hv_clock c = clock_at_save(tsc), was = c;

	/* The TSC ran on: as it was, to the bit. */
	m.tsc = tsc + TSC_HZ;
	assert_false(hv_clock_move(&c, &m));
	assert_int_equal(c.scale, was.scale);
	assert_int_equal(c.offset, was.offset);
	assert_int_equal(c.sequence, was.sequence + 1);
	/* It began anew, and at another pace. */
	m.tsc = 77;
	m.tsc_hz = 3 * (uint64_t)TSC_HZ;
	assert_true(hv_clock_move(&c, &m));
	assert_in_range(hv_clock_at(&c, 77), 101 * SECOND - 1, 101 * SECOND);
	assert_in_range(hv_clock_at(&c, 77 + 3 * (uint64_t)TSC_HZ),
			102 * SECOND - 2, 102 * SECOND);
	/* Our clock is behind: no time passed, and none goes back. */
	c = clock_at_save(tsc);
	m = base;
	m.elapsed_100ns = 0;
	m.tsc = tsc - 1000;
	hv_clock_move(&c, &m);
	assert_in_range(hv_clock_at(&c, m.tsc), m.ref - 1, m.ref);
	/* Both ends of the sequence mean something else. */
	c.sequence = UINT32_MAX - 1;
	hv_clock_move(&c, &m);
	assert_int_equal(c.sequence, 1);
	assert_int_equal(hv_clock_scale(0), 0);
	assert_int_equal(hv_clock_scale(HV_CLOCK_HZ), 0);
	assert_int_equal(hv_clock_scale(2 * HV_CLOCK_HZ), 1ull << 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
