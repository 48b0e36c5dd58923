/* SPDX-License-Identifier: MIT */
/*
 * Does every register arrive? All are set to known random values, saved,
 * loaded into another machine and read back there.
 */
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
#include "vmm/vm_impl.h"

#define RAM (16ull << 20)

static void set_general(struct vcpu *vcpu, struct rng *rng)
{
	struct kvm_regs r;
	uint64_t *word = (uint64_t *)&r;
	size_t i;

	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_REGS, &r), 0);
	for (i = 0; i < 16; i++)
		word[i] = rng_next(rng);
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_SET_REGS, &r), 0);
}

static void set_debug(struct vcpu *vcpu, struct rng *rng)
{
	struct kvm_debugregs d;
	size_t i;

	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &d), 0);
	for (i = 0; i < 4; i++)
		d.db[i] = rng_next(rng) >> 17; /* canonical */
	d.dr6 ^= 0xf;
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &d), 0);
}

/* x87, SSE, AVX and what else XCR0 may enable here, all random. */
static void set_xsave(struct vcpu *vcpu, struct rng *rng)
{
	size_t bytes = vcpu->vm->caps.xsave_bytes, i;
	uint8_t *area = calloc(1, bytes);
	const uint64_t bv = 0xe7; /* x87 SSE AVX, AVX-512 */
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };

	assert_non_null(area);
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_XSAVE2, area), 0);
	xcrs.xcrs[0].value = bv;
	if (kvm_ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs)) {
		xcrs.xcrs[0].value = 7;
		assert_int_equal(kvm_ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs), 0);
	}
	for (i = 0; i < 8; i++) { /* 10 bytes a register */
		uint64_t x = rng_next(rng);

		memcpy(area + 32 + i * 16, &x, 8);
	}
	for (i = 160; i < 416; i++)
		area[i] = (uint8_t)rng_next(rng);
	for (i = 576; i < (xcrs.xcrs[0].value == 7 ? 832u : 2688u); i++)
		if (i < 832 || i >= 832 + 64)
			area[i] = (uint8_t)rng_next(rng);
	memcpy(area + 512, &xcrs.xcrs[0].value, 8);
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_SET_XSAVE, area), 0);
	free(area);
}

static void set_msrs(struct vcpu *vcpu, struct rng *rng)
{
	static const uint32_t canonical[] = { 0x175, 0x176, 0xc0000082,
					      0xc0000083, 0xc0000102 };
	uint64_t value;
	size_t i;

	for (i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
		value = rng_next(rng) >> 17;
		assert_int_equal(msr_write(vcpu, canonical[i], value), 0);
	}
	value = rng_next(rng);
	assert_int_equal(msr_write(vcpu, 0xc0000081, value), 0); /* STAR */
	assert_int_equal(msr_write(vcpu, 0x277, 0x0007040600070406), 0);
}

static void set_lapic(struct vcpu *vcpu, struct rng *rng)
{
	struct kvm_lapic_state l;
	unsigned int i;

	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_LAPIC, &l), 0);
	l.regs[0x80] = 0xf0; /* TPR: none of them gets in */
	l.regs[0xf0] = 0xff; /* SVR: enabled */
	l.regs[0xf1] = 1;
	for (i = 1; i < 8; i++) {
		l.regs[0x200 + i * 16] = (char)rng_next(rng);
		l.regs[0x201 + i * 16] = (char)rng_next(rng);
		l.regs[0x100 + i * 16] = (char)(1u << (i & 7)); /* ISR */
	}
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_SET_LAPIC, &l), 0);
}

/* An NMI in progress and one behind it: told apart from none at all. */
static void set_events(struct vcpu *vcpu, struct rng *rng)
{
	struct kvm_vcpu_events e;

	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e), 0);
	e.nmi.masked = 1;
	e.nmi.pending = rng_next(rng) & 1;
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	e.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	assert_int_equal(kvm_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), 0);
}

/* All vCPUs, all values; twice over, so that nothing stays as it was. */
static void test_every_register(void **state)
{
	struct rng rng = { 4711 };
	unsigned int turn, i;

	for (turn = 0; turn < 4; turn++) {
		struct machine *a = machine_new(3, RAM);
		struct machine *b = machine_new(3, RAM);
		struct buf st = BUF_INIT;

		machine_load(a, guest_loop, guest_loop_end);
		for (i = 0; i < 3; i++) {
			struct vcpu *vcpu = &a->vm->vcpu[i];

			set_general(vcpu, &rng);
			set_debug(vcpu, &rng);
			set_xsave(vcpu, &rng);
			set_msrs(vcpu, &rng);
			set_lapic(vcpu, &rng);
			set_events(vcpu, &rng);
		}
		machine_migrate(a, b, &st);
		machine_same_state(a, &st);
		machine_same_state(b, &st);
		buf_exit(&st);
		machine_free(a);
		machine_free(b);
	}
}

/* AVX and debug registers are still there after the guest has run on. */
static void test_registers_survive_running(void **state)
{
	struct machine *a = machine_new(1, RAM), *b = machine_new(1, RAM);
	size_t bytes = a->vm->caps.xsave_bytes;
	uint8_t *before = calloc(1, bytes), *after = calloc(1, bytes);
	struct rng rng = { 99 };
	struct buf st = BUF_INIT;

	machine_load(a, guest_loop, guest_loop_end);
	set_xsave(&a->vm->vcpu[0], &rng);
	kvm_ioctl(a->vm->vcpu[0].fd, KVM_GET_XSAVE2, before);
	vm_resume(a->vm);
	machine_wait_for(a, DATA_GPA, 100);
	machine_migrate(a, b, &st);
	vm_resume(b->vm);
	machine_wait_for(b, DATA_GPA, machine_peek(a, DATA_GPA) + 100);
	vm_pause(b->vm);
	kvm_ioctl(b->vm->vcpu[0].fd, KVM_GET_XSAVE2, after);
	assert_memory_equal(before + 32, after + 32, 384);
	assert_memory_equal(before + 576, after + 576, 256);
	free(before);
	free(after);
	buf_exit(&st);
	machine_free(a);
	machine_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_register),
		cmocka_unit_test(test_registers_survive_running),
	};
	int code;

	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
