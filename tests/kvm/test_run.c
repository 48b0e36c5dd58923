/* SPDX-License-Identifier: MIT */
/* Does a machine run, say what it should, and end the way it should? */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "machine.h"

#define RAM (16ull << 20)

GUEST(guest_hello, "mov $0x3f8, %dx\n"
		   "mov $'h', %al\n out %al, (%dx)\n"
		   "mov $0x100100, %esi\n mov $3, %ecx\n"
		   "cld\n rep outsb\n"
		   "mov $42, %al\n" GUEST_EXIT);

GUEST(guest_nobody, "mov $0x4242, %dx\n in (%dx), %eax\n mov %eax, 0x200000\n"
		    "mov $0x12345678, %eax\n out %eax, (%dx)\n"
		    "mov 0xe0000000, %eax\n mov %eax, 0x200004\n"
		    "mov %eax, 0xe0000000\n"
		    "mov 0xd000fffc, %eax\n mov %eax, 0x200008\n"
		    "movl $0xfee1dead, 0xd0000000\n"
		    "mov $0, %al\n" GUEST_EXIT);

/* No IDT: the third fault is a shutdown. */
GUEST(guest_triple, "ud2\n");

/* Echo until 'q'. */
GUEST(guest_echo, "1: mov $0x3fd, %dx\n in (%dx), %al\n test $1, %al\n jz 1b\n"
		  "mov $0x3f8, %dx\n in (%dx), %al\n out %al, (%dx)\n"
		  "cmp $'q', %al\n jne 1b\n" GUEST_EXIT);

/* INIT, SIPI to all others (vector 8: 0x8000), then wait for the host. */
GUEST(guest_smp, "movl $0x1ff, 0xfee000f0\n"
		 "movl $0xc4500, 0xfee00300\n"
		 "movl $0xc4608, 0xfee00300\n"
		 "1: mov 0x200000, %eax\n cmp $3, %eax\n jne 1b\n" GUEST_EXIT);
GUEST(guest_ap, ".code16\n mov $0x2000, %ax\n mov %ax, %ds\n"
		"lock incl 0\n 1: hlt\n jmp 1b\n");

/* CPUID as ring 0 sees it. */
GUEST(guest_cpuid, "mov $1, %eax\n cpuid\n"
		   "mov %ebx, 0x200000\n mov %ecx, 0x200004\n"
		   "mov $0x40000010, %eax\n cpuid\n mov %eax, 0x200008\n"
		   "mov $0x40000000, %eax\n cpuid\n mov %ebx, 0x20000c\n"
		   "mov $7, %al\n" GUEST_EXIT);

static void test_hello(void **state)
{
	struct machine *m = machine_new(1, RAM);

	machine_load(m, guest_hello, guest_hello_end);
	memcpy(guestmem_at(vm_memory(m->vm), 0x100100, 3), "i!\n", 3);
	assert_false(vm_is_running(m->vm));
	assert_int_equal(vm_resume(m->vm), 0);
	assert_int_equal(machine_wait(m), END_EXIT_PORT);
	assert_int_equal(m->exit_value, 42);
	assert_int_equal(m->nr_output, 4);
	assert_memory_equal(m->output, "hi!\n", 4);
	assert_true(vm_nr_exits(m->vm, 0) >= 3);
	vm_pause(m->vm);
	assert_int_equal(vm_resume(m->vm), -ESHUTDOWN);
	machine_free(m);
}

static void test_nobody(void **state)
{
	struct machine *m = machine_new(1, RAM);

	machine_load(m, guest_nobody, guest_nobody_end);
	machine_poke(m, GUESTMEM_CONTROL_GPA + 0xfffc, 0x600d);
	vm_resume(m->vm);
	assert_int_equal(machine_wait(m), END_EXIT_PORT);
	assert_int_equal(machine_peek(m, DATA_GPA), 0xffffffff);
	assert_int_equal(machine_peek(m, DATA_GPA + 4), 0xffffffff);
	assert_int_equal(machine_peek(m, DATA_GPA + 8), 0x600d);
	assert_int_equal(machine_peek(m, GUESTMEM_CONTROL_GPA), 0xfee1dead);
	machine_free(m);
}

static void test_triple(void **state)
{
	struct machine *m = machine_new(1, RAM);

	machine_load(m, guest_triple, guest_triple_end);
	vm_resume(m->vm);
	assert_int_equal(machine_wait(m), END_SHUTDOWN);
	machine_free(m);
}

/* More than the port buffers: every byte comes back, in order. */
static void test_echo(void **state)
{
	struct machine *m = machine_new(1, RAM);
	uint8_t in[3000];
	size_t i, at = 0;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)('A' + i % 26);
	in[sizeof(in) - 1] = 'q';
	machine_load(m, guest_echo, guest_echo_end);
	vm_resume(m->vm);
	while (at < sizeof(in)) {
		unsigned int rooms;

		pthread_mutex_lock(&m->lock);
		rooms = m->nr_rooms;
		pthread_mutex_unlock(&m->lock);
		at += vm_serial_push(m->vm, in + at, sizeof(in) - at);
		pthread_mutex_lock(&m->lock);
		while (at < sizeof(in) && m->nr_rooms == rooms)
			pthread_cond_wait(&m->changed, &m->lock);
		pthread_mutex_unlock(&m->lock);
	}
	assert_int_equal(machine_wait(m), END_EXIT_PORT);
	assert_int_equal(m->nr_output, sizeof(in));
	assert_memory_equal(m->output, in, sizeof(in));
	machine_free(m);
}

static void test_smp(void **state)
{
	struct machine *m = machine_new(4, RAM);

	machine_load(m, guest_smp, guest_smp_end);
	memcpy(guestmem_at(vm_memory(m->vm), 0x8000, 64), guest_ap,
	       (size_t)(guest_ap_end - guest_ap));
	vm_resume(m->vm);
	machine_wait_for(m, 0x20000, 3); /* the APs' count */
	machine_poke(m, DATA_GPA, 3);
	assert_int_equal(machine_wait(m), END_EXIT_PORT);
	machine_free(m);
}

static void test_cpuid(void **state)
{
	struct machine *m = machine_new(2, RAM);

	machine_load(m, guest_cpuid, guest_cpuid_end);
	vm_resume(m->vm);
	assert_int_equal(machine_wait(m), END_EXIT_PORT);
	/* APIC id 0, two logical processors; hypervisor bit */
	assert_int_equal(machine_peek(m, DATA_GPA) >> 16, 2);
	assert_true(machine_peek(m, DATA_GPA + 4) >> 31);
	assert_int_equal(machine_peek(m, DATA_GPA + 8),
			 vm_tsc_hz(m->vm) / 1000);
	assert_int_equal(machine_peek(m, DATA_GPA + 12), 0x4b4d564b);
	machine_free(m);
}

static void test_bad_params(void **state)
{
	static const struct {
		struct vm_params p;
		int rc;
	} bad[] = {
		{ { .nr_vcpus = 0, .ram_bytes = RAM }, -EINVAL },
		{ { .nr_vcpus = 65, .ram_bytes = RAM }, -EINVAL },
		{ { .nr_vcpus = 1, .ram_bytes = 0 }, -EINVAL },
		{ { .nr_vcpus = 1, .ram_bytes = 14ull << 20 }, -EINVAL },
		{ { .nr_vcpus = 1, .ram_bytes = RAM + 4096 }, -EINVAL },
		{ { .nr_vcpus = 1, .ram_bytes = RAM, .control_bytes = 1 },
		  -EINVAL },
		{ { .nr_vcpus = 1,
		    .ram_bytes = RAM,
		    .kvm_path = "/nonexistent" },
		  -ENODEV },
		{ { .nr_vcpus = 1, .ram_bytes = RAM, .kvm_path = "/dev/null" },
		  -ENODEV },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = { "" };
		struct vm *vm = NULL;

		assert_int_equal(vm_create(&bad[i].p, &vm, &err), bad[i].rc);
		assert_null(vm);
		assert_true(err.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_params),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_triple),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_smp),
		cmocka_unit_test(test_cpuid),
	};
	int code;

	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
