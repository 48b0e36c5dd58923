/* SPDX-License-Identifier: MIT */
/* Every value of a state by name; two states side by side. */
#include <errno.h>
#include <string.h>

#include "state_builder.h"
#include "unit/unit.h"
#include "vmm/compat.h"
#include "vmm/state.h"

struct told {
	unsigned int nr, nr_clock, nr_rax;
};

static void on_value(void *ctx, int vcpu, const char *name,
		     enum vm_value_kind kind, const void *value, size_t bytes)
{
	struct told *t = ctx;

	assert_non_null(value);
	assert_true(bytes > 0);
	assert_true(vcpu >= -1 && vcpu < (int)NR_VCPUS);
	t->nr++;
	t->nr_clock += kind == VM_VALUE_CLOCK;
	t->nr_rax += !strcmp(name, "rax");
}

static void test_describe(void **state)
{
	struct buf b = state_build(NR_SECTIONS, KEEP, 1);
	struct told t = { 0 };

	assert_int_equal(vm_state_describe(b.data, b.bytes, on_value, &t, NULL),
			 0);
	assert_int_equal(t.nr_rax, NR_VCPUS);
	assert_true(t.nr > 200);
	assert_true(t.nr_clock >= NR_VCPUS * 3);
	assert_int_equal(
		vm_state_describe(b.data, b.bytes - 8, on_value, &t, NULL),
		-EPROTO);
	buf_exit(&b);
}

struct difference {
	unsigned int nr;
	char name[48];
	int vcpu;
};

static void on_difference(void *ctx, int vcpu, const char *name, const void *a,
			  size_t a_bytes, const void *b, size_t b_bytes)
{
	struct difference *d = ctx;

	d->nr++;
	d->vcpu = vcpu;
	strncpy(d->name, name, sizeof(d->name) - 1);
}

static void test_compare(void **state)
{
	struct buf a = state_build(NR_SECTIONS, KEEP, 1), b = BUF_INIT;
	struct difference d = { 0 };
	unsigned int compared = 0;
	struct kvm_regs regs;
	enum state_id id;
	uint32_t index;
	size_t n;

	assert_int_equal(vm_state_compare(a.data, a.bytes, a.data, a.bytes,
					  on_difference, &d, &compared),
			 0);
	assert_int_equal(d.nr, 0);
	assert_true(compared > 200);
	/* r13 of vCPU 1, one bit. */
	memset(&regs, 1, sizeof(regs));
	regs.r13 ^= 1ull << 63;
	state_begin(&b, NR_VCPUS);
	for (n = 0; n < NR_SECTIONS; n++) {
		const void *payload;

		state_section(n, &id, &index);
		payload = state_payload(id, 1);
		if (id == STATE_REGS && index == 1)
			payload = &regs;
		state_append(&b, id, index, payload, state_size_of(id));
	}
	state_finish(&b, 0);
	assert_int_equal(vm_state_compare(a.data, a.bytes, b.data, b.bytes,
					  on_difference, &d, &compared),
			 1);
	assert_string_equal(d.name, "r13");
	assert_int_equal(d.vcpu, 1);
	assert_int_equal(vm_state_compare(a.data, a.bytes, b.data, 7, NULL,
					  NULL, &compared),
			 -EPROTO);
	buf_exit(&a);
	buf_exit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests_name("vmm/state-values", tests, NULL,
					   NULL);
}
