/* SPDX-License-Identifier: MIT */
/* Synthetic registers and leaves: what is kept, what faults. */
#include <string.h>

#include "hyperv_machine.h"
#include "unit/random.h"

/* The register of each feature that faults without it. */
static const struct {
	enum hyperv_feature feature;
	uint32_t msr;
} owners[] = {
	{ HYPERV_VAPIC, HV_MSR_VP_ASSIST_PAGE },
	{ HYPERV_VAPIC, HV_MSR_TPR },
	{ HYPERV_VPINDEX, HV_MSR_VP_INDEX },
	{ HYPERV_RUNTIME, HV_MSR_VP_RUNTIME },
	{ HYPERV_TIME, HV_MSR_TIME_REF_COUNT },
	{ HYPERV_TIME, HV_MSR_REFERENCE_TSC },
	{ HYPERV_FREQUENCIES, HV_MSR_TSC_FREQUENCY },
	{ HYPERV_FREQUENCIES, HV_MSR_APIC_FREQUENCY },
	{ HYPERV_SYNIC, HV_MSR_SCONTROL },
	{ HYPERV_SYNIC, HV_MSR_SINT0 + 15 },
	{ HYPERV_STIMER, HV_MSR_STIMER0_CONFIG },
	{ HYPERV_STIMER, HV_MSR_STIMER0_CONFIG + 7 },
};

static void test_without_a_feature(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(owners); i++) {
		uint32_t bit = HYPERV_BIT(owners[i].feature);
		struct machine *m = machine_create(1, ALL_FEATURES, 0);

		must_read(m, 0, owners[i].msr);
		machine_destroy(m);
		m = machine_create(1, ALL_FEATURES & ~bit, 0);
		faults_read(m, 0, owners[i].msr);
		faults_write(m, 0, owners[i].msr, 0);
		machine_destroy(m);
	}
}

static void test_read_only(void **state)
{
	static const uint32_t msrs[] = {
		HV_MSR_VP_INDEX,       HV_MSR_VP_RUNTIME,
		HV_MSR_TIME_REF_COUNT, HV_MSR_TSC_FREQUENCY,
		HV_MSR_APIC_FREQUENCY, HV_MSR_SVERSION
	};
	struct machine *m = machine_create(3, ALL_FEATURES, 0);
	size_t i;

	for (i = 0; i < ARRAY_LEN(msrs); i++)
		faults_write(m, 0, msrs[i], 0);
	assert_int_equal(must_read(m, 2, HV_MSR_VP_INDEX), 2);
	assert_int_equal(must_read(m, 0, HV_MSR_TSC_FREQUENCY), TSC_HZ);
	assert_int_equal(must_read(m, 0, HV_MSR_APIC_FREQUENCY), 25000000);
	machine_pass(m, 1234);
	assert_in_range(must_read(m, 0, HV_MSR_TIME_REF_COUNT), 1233, 1234);
	faults_read(m, 0, HV_MSR_EOI);
	machine_destroy(m);
}

/* Those that nobody has. */
static void test_unknown(void **state)
{
	static const uint32_t msrs[] = { 0x03, 0x0f, 0x24, 0x74, 0x85,
					 0x8f, 0xa0, 0xaf, 0xb8, 0xff };
	struct machine *m = machine_create(1, ALL_FEATURES, 0);
	size_t i;

	for (i = 0; i < ARRAY_LEN(msrs); i++) {
		faults_read(m, 0, HV_MSR_FIRST + msrs[i]);
		faults_write(m, 0, HV_MSR_FIRST + msrs[i], 0);
	}
	machine_destroy(m);
}

static void test_hypercall_page(void **state)
{
	struct machine *m = machine_create(1, ALL_FEATURES, 0);
	uint64_t page = 0x1000 | HV_PAGE_ENABLED;

	/* Not without an identity. */
	must_write(m, 0, HV_MSR_HYPERCALL, page);
	assert_false(hv_may_call(&m->hv));
	must_write(m, 0, HV_MSR_GUEST_OS_ID, 7);
	must_write(m, 0, HV_MSR_HYPERCALL, page);
	assert_true(hv_may_call(&m->hv));
	assert_int_equal(m->ram[0x1000], 0xe7);
	assert_int_equal(m->ram[0x1001], HV_CALL_PORT);
	assert_int_equal(m->ram[0x1002], 0xc3);
	assert_int_equal(m->wrote, 1 << 1);
	/* Where there is no memory. */
	faults_write(m, 0, HV_MSR_HYPERCALL, RAM_BYTES | HV_PAGE_ENABLED);
	faults_write(m, 0, HV_MSR_HYPERCALL, HV_PAGE_GPA | HV_PAGE_ENABLED);
	assert_int_equal(must_read(m, 0, HV_MSR_HYPERCALL), page);
	must_write(m, 0, HV_MSR_HYPERCALL, page | HV_HYPERCALL_LOCKED);
	must_write(m, 0, HV_MSR_HYPERCALL, 0);
	assert_int_equal(must_read(m, 0, HV_MSR_HYPERCALL),
			 page | HV_HYPERCALL_LOCKED);
	must_write(m, 0, HV_MSR_GUEST_OS_ID, 0);
	assert_false(hv_may_call(&m->hv));
	machine_destroy(m);
}

static void test_tsc_page(void **state)
{
	struct machine *m = machine_create(1, ALL_FEATURES, 0);
	struct hv_tsc_page *page = (struct hv_tsc_page *)(m->ram + 0x4000);

	faults_write(m, 0, HV_MSR_REFERENCE_TSC, RAM_BYTES | 1);
	must_write(m, 0, HV_MSR_REFERENCE_TSC, 0x4000 | HV_PAGE_ENABLED);
	assert_int_equal(page->sequence, 1);
	machine_pass(m, 987654321);
	assert_int_equal(
		(uint64_t)((unsigned __int128)m->tsc * page->scale >> 64) +
			(uint64_t)page->offset,
		must_read(m, 0, HV_MSR_TIME_REF_COUNT));
	must_write(m, 0, HV_MSR_REFERENCE_TSC, 0);
	m->wrote = 0;
	hv_write_tsc_page(&m->hv);
	assert_int_equal(m->wrote, 0);
	machine_destroy(m);
}

static void test_assist_page(void **state)
{
	struct machine *m = machine_create(2, ALL_FEATURES, 0);

	faults_write(m, 1, HV_MSR_VP_ASSIST_PAGE, RAM_BYTES | 1);
	must_write(m, 1, HV_MSR_VP_ASSIST_PAGE, 0x5000 | HV_PAGE_ENABLED);
	/* "No EOI required" is no; the rest is the guest's. */
	assert_int_equal(m->ram[0x5000], 0);
	assert_int_equal(m->ram[0x5004], 0xee);
	assert_int_equal(must_read(m, 0, HV_MSR_VP_ASSIST_PAGE), 0);
	machine_destroy(m);
}

static void test_apic(void **state)
{
	struct machine *m = machine_create(1, ALL_FEATURES, 0);

	must_write(m, 0, HV_MSR_EOI, 5);
	assert_int_equal(m->apic_msr, 0x80b);
	assert_int_equal(m->apic_value, 0);
	faults_write(m, 0, HV_MSR_EOI, 1ull << 32);
	must_write(m, 0, HV_MSR_TPR, 0xff);
	faults_write(m, 0, HV_MSR_TPR, 0x100);
	must_write(m, 0, HV_MSR_ICR, 3ull << 56 | 0x4030);
	assert_int_equal(m->apic_msr, 0x830);
	assert_int_equal(m->apic_value, 3ull << 32 | 0x4030);
	assert_int_equal(must_read(m, 0, HV_MSR_ICR), 3ull << 56 | 0x4030);
	m->no_apic = true;
	faults_write(m, 0, HV_MSR_EOI, 0);
	faults_write(m, 0, HV_MSR_TPR, 0);
	faults_read(m, 0, HV_MSR_TPR);
	faults_read(m, 0, HV_MSR_ICR);
	machine_destroy(m);
}

static void test_leaves(void **state)
{
	struct machine *m = machine_create(1, ALL_FEATURES, 0);
	struct hv_leaves l = { .advice = 0 };
	uint32_t reg[4], i;

	assert_true(hv_leaf(&m->hv, HV_LEAF_VENDOR, reg));
	assert_memory_equal(reg + 1, "Microsoft Hv", 12);
	assert_true(hv_leaf(&m->hv, HV_LEAF_INTERFACE, reg));
	assert_int_equal(reg[0], HV_INTERFACE);
	assert_false(hv_leaf(&m->hv, HV_LEAF_NESTED, reg));
	assert_true(hv_leaf(&m->hv, HV_LEAF_FEATURES, l.features));
	assert_true(hv_leaf(&m->hv, HV_LEAF_ADVICE, reg));
	l.advice = reg[0];
	assert_int_equal(hv_leaf_has(&l), ALL_FEATURES);
	/* Nobody takes posted messages. */
	assert_false(l.features[1] & HV_MAY_POST_MESSAGES);
	for (i = 0; i < HYPERV_NR_FEATURES; i++) {
		struct hv_leaves f = { { ~0u, ~0u, ~0u, ~0u }, ~0u, ~0u };
		uint32_t advice[4] = { ~0u }, nested[4] = { ~0u };

		hv_mask_leaf(HYPERV_BIT(i), HV_LEAF_FEATURES, f.features);
		hv_mask_leaf(HYPERV_BIT(i), HV_LEAF_ADVICE, advice);
		hv_mask_leaf(HYPERV_BIT(i), HV_LEAF_NESTED, nested);
		f.advice = advice[0];
		f.nested = nested[0];
		assert_int_equal(hv_leaf_has(&f),
				 (HYPERV_BIT(HYPERV_NR_FEATURES) - 1) &
					 ~HYPERV_BIT(i));
	}
	machine_destroy(m);
}

/* Anything, anywhere: nothing of it may touch what is not its own. */
static void test_hostile(void **state)
{
	struct machine *m = machine_create(3, ALL_FEATURES, 0);
	struct rng rng = { 4711 };
	unsigned int i;

	for (i = 0; i < 200000; i++) {
		uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);
		uint32_t msr = HV_MSR_FIRST + (uint32_t)rng_below(&rng, 256);
		unsigned int vp = (unsigned int)rng_below(&rng, 3);
		uint64_t ignored;

		switch (rng_below(&rng, 5)) {
		case 0:
			hv_msr_read(&m->hv, vp, msr, &ignored);
			break;
		case 1:
			hv_call(&m->hv, vp,
				value ^ (HV_CALL_FAST * rng_below(&rng, 2)) ^
					rng_below(&rng, 32),
				rng_below(&rng, 2 * RAM_BYTES), rng_next(&rng));
			break;
		case 2:
			m->ram[rng_below(&rng, RAM_BYTES)] = (uint8_t)value;
			machine_pass(m, rng_below(&rng, 5000));
			/* What was due has gone, or waits. */
			assert_true(hv_next_due(&m->hv) > machine_now(m));
			break;
		default:
			hv_msr_write(&m->hv, vp, msr, value);
		}
	}
	assert_true(m->nr_interrupts && m->nr_flushes);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_feature),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_hypercall_page),
		cmocka_unit_test(test_tsc_page),
		cmocka_unit_test(test_assist_page),
		cmocka_unit_test(test_apic),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
