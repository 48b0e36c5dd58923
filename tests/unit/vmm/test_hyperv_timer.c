/* SPDX-License-Identifier: MIT */
/* Synthetic timers and the messages that they send. */
#include <string.h>

#include "hyperv_machine.h"

#define CONFIG HV_MSR_STIMER0_CONFIG
#define COUNT HV_MSR_STIMER0_COUNT
#define SINT2 (2u << HV_STIMER_SINT_SHIFT)
#define AUTO HV_STIMER_AUTO
#define ENABLED HV_STIMER_ENABLED

static struct machine *machine(void)
{
	struct machine *m = machine_create(2, ALL_FEATURES, 0);

	machine_open_synic(m, 0);
	return m;
}

static void test_registers(void **state)
{
	struct machine *m = machine();

	faults_write(m, 0, CONFIG, 1ull << 20);
	faults_write(m, 0, CONFIG, 1ull << 13);
	/* SINT 0 takes no messages of timers. */
	must_write(m, 0, CONFIG, ENABLED);
	assert_int_equal(must_read(m, 0, CONFIG), 0);
	must_write(m, 0, CONFIG, AUTO | SINT2);
	must_write(m, 0, COUNT, 100);
	assert_int_equal(must_read(m, 0, CONFIG), AUTO | ENABLED | SINT2);
	assert_int_equal(hv_next_due(&m->hv), 100);
	must_write(m, 0, COUNT, 0);
	assert_int_equal(must_read(m, 0, CONFIG), AUTO | SINT2);
	assert_true(hv_next_due(&m->hv) == UINT64_MAX);
	/* The other vCPU's are its own. */
	assert_int_equal(must_read(m, 1, CONFIG), 0);
	assert_true(m->nr_rearms > 0);
	machine_destroy(m);
	m = machine_create(1, ALL_FEATURES & ~HYPERV_BIT(HYPERV_STIMER_DIRECT),
			   0);
	faults_write(m, 0, CONFIG, HV_STIMER_DIRECT | 0x300);
	machine_destroy(m);
}

static void test_once(void **state)
{
	struct machine *m = machine();
	struct hv_message *msg = machine_message(m, 2);
	struct hv_timer_payload p;

	must_write(m, 0, CONFIG + 2, AUTO | SINT2);
	must_write(m, 0, COUNT + 2, 1000);
	machine_pass(m, 998);
	assert_int_equal(m->nr_interrupts, 0);
	machine_pass(m, 10);
	assert_int_equal(m->nr_interrupts, 1);
	assert_int_equal(m->last_vector, 0x50);
	assert_int_equal(msg->type, HV_MESSAGE_TIMER);
	assert_int_equal(msg->bytes, sizeof(p));
	memcpy(&p, msg->payload, sizeof(p));
	assert_int_equal(p.timer, 1);
	assert_int_equal(p.due, 1000);
	assert_int_equal(p.delivered, machine_now(m));
	assert_int_equal(must_read(m, 0, CONFIG + 2) & ENABLED, 0);
	machine_pass(m, 100000);
	assert_int_equal(m->nr_interrupts, 1);
	machine_destroy(m);
}

/* A message that finds the slot full waits, and says so. */
static void test_waiting(void **state)
{
	struct machine *m = machine();
	struct hv_message *msg = machine_message(m, 2);

	must_write(m, 0, CONFIG, AUTO | SINT2);
	must_write(m, 0, COUNT, 100);
	must_write(m, 0, CONFIG + 2, AUTO | SINT2);
	must_write(m, 0, COUNT + 2, 200);
	machine_pass(m, 150);
	assert_int_equal(msg->flags & HV_MESSAGE_PENDING, 0);
	machine_pass(m, 100);
	assert_int_equal(msg->flags & HV_MESSAGE_PENDING, HV_MESSAGE_PENDING);
	assert_int_equal(m->nr_interrupts, 1);
	/* Nobody is kept busy by it. */
	assert_true(hv_next_due(&m->hv) == UINT64_MAX);
	msg->type = HV_MESSAGE_NONE;
	must_write(m, 0, HV_MSR_EOM, 0);
	assert_int_equal(m->nr_interrupts, 2);
	assert_int_equal(msg->payload[0] & 0xffffffff, 1);
	assert_int_equal(msg->flags, 0);
	machine_destroy(m);
}

/* Where nobody listens, it waits for somebody to. */
static void test_masked(void **state)
{
	struct machine *m = machine();

	must_write(m, 0, HV_MSR_SINT0 + 2, HV_SINT_MASKED);
	must_write(m, 0, CONFIG, AUTO | SINT2);
	must_write(m, 0, COUNT, 100);
	machine_pass(m, 150);
	assert_int_equal(m->nr_interrupts, 0);
	must_write(m, 0, HV_MSR_SINT0 + 2, 0x51);
	assert_int_equal(m->nr_interrupts, 1);
	assert_int_equal(m->last_vector, 0x51);
	/* A vector below 16 is none, but for a SINT that is masked. */
	faults_write(m, 0, HV_MSR_SINT0 + 2, 15);
	must_write(m, 0, HV_MSR_SINT0 + 2, 15 | HV_SINT_MASKED);
	machine_destroy(m);
}

static void test_periodic(void **state)
{
	struct machine *m = machine();
	unsigned int i;

	must_write(m, 0, CONFIG, HV_STIMER_PERIODIC | AUTO | SINT2);
	must_write(m, 0, COUNT, 1000);
	for (i = 1; i < 10; i++) {
		machine_pass(m, 1001);
		assert_int_equal(m->nr_interrupts, i);
		machine_message(m, 2)->type = HV_MESSAGE_NONE;
		must_write(m, 0, HV_MSR_EOM, 0);
	}
	/* Periods that nobody saw are no more. */
	machine_pass(m, 1000000);
	assert_int_equal(m->nr_interrupts, 10);
	must_write(m, 0, CONFIG, 0);
	assert_true(hv_next_due(&m->hv) == UINT64_MAX);
	machine_destroy(m);
}

/* Short ones keep nobody busy; long ones do not wrap. */
static void test_extremes(void **state)
{
	struct machine *m = machine();
	uint64_t direct = HV_STIMER_DIRECT | 0x60u << HV_STIMER_VECTOR_SHIFT;

	must_write(m, 0, CONFIG, HV_STIMER_PERIODIC | AUTO | direct);
	must_write(m, 0, COUNT, 1);
	assert_true(hv_next_due(&m->hv) >= machine_now(m) + 500);
	machine_pass(m, 600);
	assert_int_equal(m->nr_interrupts, 1);
	assert_int_equal(m->last_vector, 0x60);
	assert_true(hv_next_due(&m->hv) > machine_now(m));
	must_write(m, 0, COUNT, UINT64_MAX);
	assert_true(hv_next_due(&m->hv) >= UINT64_MAX - 1);
	machine_destroy(m);
}

static void test_pages(void **state)
{
	struct machine *m = machine();

	/* A fresh page is empty; the same again is as it was. */
	assert_int_equal(m->ram[0x2fff], 0);
	m->ram[0x2000] = 7;
	must_write(m, 0, HV_MSR_SIMP, 0x2000 | HV_PAGE_ENABLED);
	assert_int_equal(m->ram[0x2000], 7);
	faults_write(m, 0, HV_MSR_SIMP, RAM_BYTES | 1);
	faults_write(m, 0, HV_MSR_SIEFP, HV_PAGE_GPA | 1);
	assert_int_equal(must_read(m, 0, HV_MSR_SIMP), 0x2001);
	assert_int_equal(must_read(m, 0, HV_MSR_SVERSION), 1);
	assert_int_equal(must_read(m, 0, HV_MSR_SINT0), HV_SINT_MASKED);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_periodic),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
