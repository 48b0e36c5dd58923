/* SPDX-License-Identifier: MIT */
/*
 * Does a machine go on elsewhere from where it was? Every register is set to
 * a known value, saved, loaded into another machine and read back there; and
 * a computation, an interrupt and serial input survive the way.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "machine.h"
#include "unit/random.h"
#include "vmm/state.h"
#include "vmm/state_format.h"
#include "vmm/vm_impl.h"

#define RAM (16ull << 20)

/* x = x * 1664525 + 1013904223, N times; every register takes part. */
#define LCG_STEPS 30000u
GUEST(guest_lcg, "mov $1, %eax\n xor %ebx, %ebx\n mov $2, %ecx\n"
		 "mov $3, %edx\n mov $4, %esi\n mov $5, %edi\n mov $6, %ebp\n"
		 "1: imul $1664525, %eax, %eax\n add $1013904223, %eax\n"
		 "add %eax, %ecx\n xor %ecx, %edx\n add %edx, %esi\n"
		 "xor %esi, %edi\n add %edi, %ebp\n"
		 "inc %ebx\n mov %ebx, 0x200000\n"
		 "cmp $30000, %ebx\n jne 1b\n"
		 "mov %ebp, 0x200004\n mov $9, %al\n" GUEST_EXIT);

static uint32_t lcg_result(void)
{
	uint32_t a = 1, c = 2, d = 3, s = 4, b = 6, e = 5, i;

	for (i = 0; i < LCG_STEPS; i++) {
		a = a * 1664525u + 1013904223u;
		c += a;
		d ^= c;
		s += d;
		e ^= s;
		b += e;
	}
	return b;
}

/*
 * Sends itself vector 0x40 with interrupts off, says so, waits for the host,
 * then lets it in: the handler says 0x40 to the exit port. (It doesn't return:
 * not every KVM that emulates ring 0 knows a 32-bit iret.)
 */
GUEST(guest_pending,
      "mov $0x300000, %esp\n"
      "lgdt 0x1000f0\n"
      "movl $0x000800d0, 0x201200\n movl $0x00108e00, 0x201204\n"
      "lidt 0x1000f8\n"
      "movl $0x1ff, 0xfee000f0\n"
      "movl $0x44040, 0xfee00300\n"
      "xor %eax, %eax\n movl $1, 0x200000\n"
      "1: cmpl $0, 0x200004\n je 1b\n"
      "sti\n 3: jmp 3b\n"
      ".org guest_pending + 0xd0\n"
      "mov $0x40, %al\n" GUEST_EXIT
      ".org guest_pending + 0xf0\n .word 0x17\n .long 0x100100\n"
      ".org guest_pending + 0xf8\n .word 0x7ff\n .long 0x201000\n"
      ".org guest_pending + 0x100\n .quad 0\n .quad 0x00cf9b000000ffff\n"
      ".quad 0x00cf93000000ffff");

static void migrate(struct machine *from, struct machine *to, struct buf *state)
{
	struct error err = { "" };

	vm_pause(from->vm);
	if (vm_state_save(from->vm, state, &err))
		fail_msg("%s", err.text);
	machine_copy_memory(to, from);
	if (vm_state_load(to->vm, state->data, state->bytes, &err))
		fail_msg("%s", err.text);
}

static void say_difference(void *ctx, int vcpu, const char *name, const void *a,
			   size_t a_bytes, const void *b, size_t b_bytes)
{
	const uint8_t *x = a, *y = b;
	size_t i;

	print_message("# vCPU %d, %s:", vcpu, name);
	for (i = 0; i < a_bytes && i < 32; i++)
		print_message(" %02x", x[i]);
	print_message(" |");
	for (i = 0; i < b_bytes && i < 32; i++)
		print_message(" %02x", y[i]);
	print_message("\n");
}

/* What @to says of itself is what @state says. */
static void same_state(struct machine *to, const struct buf *state)
{
	struct buf now = BUF_INIT;
	unsigned int compared = 0;

	assert_int_equal(vm_state_save(to->vm, &now, NULL), 0);
	assert_int_equal(vm_state_compare(state->data, state->bytes, now.data,
					  now.bytes, say_difference, NULL,
					  &compared),
			 0);
	assert_true(compared > 100 * vm_nr_vcpus(to->vm));
	buf_exit(&now);
}

static void test_computation(void **state)
{
	struct machine *a = machine_new(2, RAM), *b = machine_new(2, RAM);
	struct buf st = BUF_INIT;

	machine_load(a, guest_lcg, guest_lcg_end);
	vm_resume(a->vm);
	machine_wait_for(a, DATA_GPA, LCG_STEPS / 3);
	migrate(a, b, &st);
	assert_true(machine_peek(b, DATA_GPA) < LCG_STEPS);
	same_state(b, &st);
	assert_int_equal(vm_resume(b->vm), 0);
	assert_int_equal(machine_wait(b), END_EXIT_PORT);
	assert_int_equal(machine_peek(b, DATA_GPA), LCG_STEPS);
	assert_int_equal(machine_peek(b, DATA_GPA + 4), lcg_result());
	/* The source, too, is none the worse for it. */
	assert_int_equal(vm_resume(a->vm), 0);
	assert_int_equal(machine_wait(a), END_EXIT_PORT);
	assert_int_equal(machine_peek(a, DATA_GPA + 4), lcg_result());
	buf_exit(&st);
	machine_free(a);
	machine_free(b);
}

static void test_pending_interrupt(void **state)
{
	struct machine *a = machine_new(1, RAM), *b = machine_new(1, RAM);
	struct kvm_lapic_state lapic;
	struct buf st = BUF_INIT;

	machine_load(a, guest_pending, guest_pending_end);
	vm_resume(a->vm);
	machine_wait_for(a, DATA_GPA, 1);
	migrate(a, b, &st);
	same_state(b, &st);
	assert_int_equal(kvm_ioctl(b->vm->vcpu[0].fd, KVM_GET_LAPIC, &lapic),
			 0);
	assert_int_equal(lapic.regs[0x220], 1); /* IRR: vector 0x40 */
	machine_poke(b, DATA_GPA + 4, 1);
	vm_resume(b->vm);
	assert_int_equal(machine_wait(b), END_EXIT_PORT);
	assert_int_equal(b->exit_value, 0x40);
	buf_exit(&st);
	machine_free(a);
	machine_free(b);
}

GUEST(guest_loop, "1: incl 0x200000\n jmp 1b\n");

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
		}
		migrate(a, b, &st);
		same_state(a, &st);
		same_state(b, &st);
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
	migrate(a, b, &st);
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

GUEST(guest_read, "1: mov $0x3fd, %dx\n in (%dx), %al\n test $1, %al\n jz 1b\n"
		  "mov $0x3f8, %dx\n in (%dx), %al\n out %al, (%dx)\n"
		  "jmp 1b\n");

static void test_serial_input(void **state)
{
	struct machine *a = machine_new(1, RAM), *b = machine_new(1, RAM);
	struct buf st = BUF_INIT;

	machine_load(a, guest_read, guest_read_end);
	assert_int_equal(vm_serial_push(a->vm, (const uint8_t *)"hello", 5), 5);
	migrate(a, b, &st);
	same_state(b, &st);
	vm_resume(b->vm);
	pthread_mutex_lock(&b->lock);
	while (b->nr_output < 5)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
	assert_memory_equal(b->output, "hello", 5);
	buf_exit(&st);
	machine_free(a);
	machine_free(b);
}

static void test_time_goes_on(void **state)
{
	struct machine *a = machine_new(2, RAM), *b = machine_new(2, RAM);
	struct vm_clock_report report;
	struct buf st = BUF_INIT;
	uint64_t then, now;

	machine_load(a, guest_loop, guest_loop_end);
	assert_int_equal(vm_state_clock(b->vm, &report), -ENODATA);
	assert_int_equal(msr_read(&a->vm->vcpu[1], MSR_TSC, &then), 0);
	migrate(a, b, &st);
	assert_int_equal(vm_state_clock(b->vm, &report), 0);
	assert_int_equal(msr_read(&b->vm->vcpu[1], MSR_TSC, &now), 0);
	print_message("# the TSC %s: %lld ticks in %lld ns\n",
		      report.tsc_ran ? "ran" : "stood",
		      (long long)report.tsc_ticks,
		      (long long)report.elapsed_ns);
	assert_true(report.tsc_ran);
	assert_true(now > then);
	buf_exit(&st);
	machine_free(a);
	machine_free(b);
}

/* Rewrites section @id of vCPU 0 with other bytes. */
static void forge(const struct buf *from, enum state_id id, const void *data,
		  size_t bytes, struct buf *to)
{
	struct state_header h;
	size_t at = sizeof(h);

	memcpy(&h, from->data, sizeof(h));
	assert_int_equal(state_begin(to, h.nr_vcpus), 0);
	while (at < from->bytes) {
		struct state_section s;
		const uint8_t *payload;

		memcpy(&s, from->data + at, sizeof(s));
		payload = from->data + at + sizeof(s);
		if (s.id == id && !s.index)
			state_append(to, id, 0, data, bytes);
		else
			state_append(to, s.id, s.index, payload, s.bytes);
		at += sizeof(s) + (s.bytes + 7) / 8 * 8;
	}
	state_finish(to, 0);
}

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
	forge(&st, STATE_SREGS2, &sregs, sizeof(sregs), &bad);
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

	forge(from, id, data, bytes, &bad);
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
	forge(&st, STATE_MSRS, &msr, sizeof(msr), &zero);
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
	struct rng rng = { 17 };
	struct buf st = BUF_INIT;
	unsigned int i, nr_refused = 0;

	machine_load(a, guest_loop, guest_loop_end);
	assert_int_equal(vm_state_save(a->vm, &st, NULL), 0);
	for (i = 0; i < 300; i++) {
		enum state_id id = (enum state_id)rng_below(&rng, STATE_NR_IDS);
		struct buf bad = BUF_INIT, bytes = BUF_INIT;
		struct state_section s;
		size_t at = sizeof(struct state_header), n;

		for (;;) {
			memcpy(&s, st.data + at, sizeof(s));
			if (s.id == id && !s.index)
				break;
			at += sizeof(s) + (s.bytes + 7) / 8 * 8;
		}
		buf_append(&bytes, st.data + at + sizeof(s), s.bytes);
		for (n = 0; n < 1 + i % 8; n++)
			bytes.data[rng_below(&rng, s.bytes)] =
				(uint8_t)rng_next(&rng);
		forge(&st, id, bytes.data, s.bytes, &bad);
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
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_half_loaded),
		cmocka_unit_test(test_hostile_payloads),
		cmocka_unit_test(test_computation),
		cmocka_unit_test(test_pending_interrupt),
		cmocka_unit_test(test_every_register),
		cmocka_unit_test(test_registers_survive_running),
		cmocka_unit_test(test_serial_input),
		cmocka_unit_test(test_time_goes_on),
	};
	int code;

	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
