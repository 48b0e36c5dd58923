/* SPDX-License-Identifier: MIT */
/*
 * Which states are refused, and what becomes of the machine then? The form of
 * these is perfect (tests/unit/vmm/test_state.c has the others).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "machine_state.h"
#include "unit/random.h"
#include "vmm/queue_devices.h"
#include "vmm/state.h"
#include "vmm/vm_impl.h"

#define RAM (16ull << 20)

/* A state in perfect form that KVM refuses: the machine must not run. */
static void test_half_loaded(void **state)
{
	struct machine *a = machine_new(1, RAM), *b = machine_new(1, RAM);
	struct buf st = BUF_INIT, bad = BUF_INIT;
	struct error err = { "" };
	struct kvm_sregs2 sregs;

	machine_load(a, guest_loop, guest_loop_end);
	assert_int_equal(vm_state_save(a->vm, &st, NULL), 0);
	kvm_ioctl(a->vm->vcpu[0].fd, KVM_GET_SREGS2, &sregs);
	sregs.cr4 |= 1ull << 40;
	machine_forge(&st, STATE_SREGS2, &sregs, sizeof(sregs), &bad);
	assert_true(vm_state_load(b->vm, bad.data, bad.bytes, &err) < 0);
	assert_non_null(strstr(err.text, "SREGS2"));
	assert_int_equal(vm_resume(b->vm), -EIO);
	/* A good one mends it. */
	assert_int_equal(vm_state_load(b->vm, st.data, st.bytes, NULL), 0);
	assert_int_equal(vm_resume(b->vm), 0);
	buf_exit(&st);
	buf_exit(&bad);
	machine_free(a);
	machine_free(b);
}

static void refused(struct machine *m, const struct buf *from, enum state_id id,
		    const void *data, size_t bytes, const char *word)
{
	struct buf bad = BUF_INIT;
	struct error err = { "" };

	machine_forge(from, id, data, bytes, &bad);
	assert_true(vm_state_load(m->vm, bad.data, bad.bytes, &err) < 0);
	if (!strstr(err.text, word))
		fail_msg("'%s' lacks '%s'", err.text, word);
	buf_exit(&bad);
}

/* Other hosts' states: no word of them may be dropped in silence. */
static void test_foreign(void **state)
{
	struct machine *a = machine_new(1, RAM), *b = machine_new(1, RAM);
	struct machine *two = machine_new(2, RAM);
	struct kvm_cpuid2 *c = cpuid_get(&a->vm->vcpu[0]);
	struct kvm_msr_entry msr = { .index = 0xdead0000, .data = 1 };
	uint8_t xsave[8192] = { 0 };
	struct buf st = BUF_INIT, zero = BUF_INIT;
	struct error err = { "" };

	assert_non_null(c);
	machine_load(a, guest_loop, guest_loop_end);
	assert_int_equal(vm_state_save(a->vm, &st, NULL), 0);
	assert_true(vm_state_load(two->vm, st.data, st.bytes, &err) < 0);
	assert_non_null(strstr(err.text, "1 vCPU"));
	refused(b, &st, STATE_XSAVE, xsave,
		a->vm->caps.xsave_bytes == sizeof(xsave) ? 4096 : sizeof(xsave),
		"XSAVE");
	c->entries[1].ecx |= 1u << 16; /* reserved: nobody has it */
	refused(b, &st, STATE_CPUID, c->entries,
		c->nent * sizeof(c->entries[0]), "leaf 0x1.0, bits 0x10000");
	refused(b, &st, STATE_MSRS, &msr, sizeof(msr), "MSR 0xdead0000");
	msr.data = 0; /* nothing is lost by it */
	machine_forge(&st, STATE_MSRS, &msr, sizeof(msr), &zero);
	assert_int_equal(vm_state_load(b->vm, zero.data, zero.bytes, NULL), 0);
	free(c);
	buf_exit(&st);
	buf_exit(&zero);
	machine_free(a);
	machine_free(b);
	machine_free(two);
}

/*
 * Bytes in perfect form that mean nonsense: KVM takes or refuses them, and the
 * machine can still be given a good state.
 */
static void test_hostile_payloads(void **state)
{
	struct machine *a = machine_new(1, RAM), *b = machine_new(1, RAM);
	const struct queues_list one = { 1, { { QUEUES_NET, 3 } } };
	struct rng rng = { 17 };
	struct buf st = BUF_INIT;
	unsigned int i, nr_refused = 0;

	assert_int_equal(queues_add(a->vm, &one), 0);
	assert_int_equal(queues_add(b->vm, &one), 0);
	assert_int_equal(queues_start(vm_device(a->vm, 0), DATA_GPA + 0x1000),
			 0);
	machine_load(a, guest_loop, guest_loop_end);
	assert_int_equal(vm_state_save(a->vm, &st, NULL), 0);
	for (i = 0; i < 300; i++) {
		enum state_id id = (enum state_id)rng_below(&rng, STATE_NR_IDS);
		struct buf bad = BUF_INIT, bytes = BUF_INIT;
		struct state_section s;
		size_t at = sizeof(struct state_header), n;

		while (at < st.bytes) {
			memcpy(&s, st.data + at, sizeof(s));
			if (s.id == id && !s.index)
				break;
			at += sizeof(s) + (s.bytes + 7) / 8 * 8;
		}
		/* Not every machine has each. */
		if (at == st.bytes)
			continue;
		buf_append(&bytes, st.data + at + sizeof(s), s.bytes);
		for (n = 0; n < 1 + i % 8; n++)
			bytes.data[rng_below(&rng, s.bytes)] =
				(uint8_t)rng_next(&rng);
		machine_forge(&st, id, bytes.data, s.bytes, &bad);
		nr_refused +=
			vm_state_load(b->vm, bad.data, bad.bytes, NULL) < 0;
		buf_exit(&bad);
		buf_exit(&bytes);
	}
	assert_true(nr_refused > 0);
	machine_copy_memory(b, a);
	assert_int_equal(vm_state_load(b->vm, st.data, st.bytes, NULL), 0);
	assert_int_equal(vm_resume(b->vm), 0);
	machine_wait_for(b, DATA_GPA, 1);
	buf_exit(&st);
	machine_free(a);
	machine_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_loaded),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_hostile_payloads),
	};
	int code;

	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
