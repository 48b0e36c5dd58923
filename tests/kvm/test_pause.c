/* SPDX-License-Identifier: MIT */
/* Does a pause lose or double anything, and does it hold? */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "machine.h"
#include "vmm/state.h"

#define RAM (16ull << 20)
#define ROUNDS 1000

/*
 * Sends 0, 1, 2, ... by out and by outsb from memory, reads the line status
 * after each (an answer lost or read twice shows in the sum), until the host
 * sets the flag at 4(DATA).
 */
GUEST(guest_count, "cld\n mov $0x200000, %ebx\n"
		   "1: mov (%ebx), %eax\n mov $0x3f8, %dx\n out %al, (%dx)\n"
		   "inc %eax\n mov %eax, 8(%ebx)\n"
		   "lea 8(%ebx), %esi\n outsb\n"
		   "inc %eax\n mov %eax, (%ebx)\n"
		   "mov $0x3fd, %dx\n in (%dx), %al\n"
		   "movzbl %al, %eax\n add %eax, 12(%ebx)\n"
		   "cmpl $0, 4(%ebx)\n je 1b\n mov $1, %al\n" GUEST_EXIT);

/* Nothing but arithmetic: no exit of its own. */
GUEST(guest_spin, "1: incl 0x200000\n jmp 1b\n");

/* Asleep for good, deaf. */
GUEST(guest_halt, "incl 0x200000\n cli\n 1: hlt\n jmp 1b\n");

#define LSR_IDLE 0x60u

static void test_nothing_lost(void **state)
{
	struct machine *m = machine_new(1, RAM);
	uint32_t before, sent;
	size_t i;

	machine_load(m, guest_count, guest_count_end);
	vm_resume(m->vm);
	for (i = 0; i < ROUNDS; i++) {
		vm_pause(m->vm);
		assert_false(vm_is_running(m->vm));
		before = machine_peek(m, DATA_GPA);
		vm_pause(m->vm); /* idempotent */
		assert_int_equal(machine_peek(m, DATA_GPA), before);
		assert_int_equal(vm_resume(m->vm), 0);
		assert_int_equal(vm_resume(m->vm), 0);
		if (i % 50 == 0)
			machine_wait_for(m, DATA_GPA, before + 2);
	}
	machine_poke(m, DATA_GPA + 4, 1);
	assert_int_equal(machine_wait(m), END_EXIT_PORT);
	sent = machine_peek(m, DATA_GPA);
	assert_int_equal(m->nr_output, sent);
	for (i = 0; i < m->nr_output; i++)
		assert_int_equal(m->output[i], i & 0xff);
	assert_int_equal(machine_peek(m, DATA_GPA + 12), sent / 2 * LSR_IDLE);
	machine_free(m);
}

/* Four vCPUs: one spins, three wait for a SIPI that never comes. */
static void test_spinning(void **state)
{
	struct machine *m = machine_new(4, RAM);
	uint64_t begin, worst = 0;
	unsigned int i;

	machine_load(m, guest_spin, guest_spin_end);
	for (i = 0; i < 200; i++) {
		vm_resume(m->vm);
		machine_wait_for(m, DATA_GPA, machine_peek(m, DATA_GPA) + 1);
		begin = clock_now_ns();
		vm_pause(m->vm);
		begin = clock_now_ns() - begin;
		worst = begin > worst ? begin : worst;
	}
	print_message("# slowest of 200 pauses: %llu us\n",
		      (unsigned long long)(worst / NSEC_PER_USEC));
	machine_free(m);
}

static void test_halted(void **state)
{
	struct machine *m = machine_new(2, RAM);
	unsigned int i;

	machine_load(m, guest_halt, guest_halt_end);
	vm_resume(m->vm);
	machine_wait_for(m, DATA_GPA, 1);
	for (i = 0; i < 50; i++) {
		vm_pause(m->vm);
		vm_resume(m->vm);
	}
	assert_int_equal(machine_peek(m, DATA_GPA), 1);
	machine_free(m);
}

static void test_thread_ids(void **state)
{
	struct machine *m = machine_new(3, RAM);
	char path[64], name[16] = "";
	unsigned int i;
	FILE *f;

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/comm",
			 vm_thread_id(m->vm, i));
		f = fopen(path, "re");
		assert_non_null(f);
		assert_non_null(fgets(name, sizeof(name), f));
		fclose(f);
		assert_int_equal(name[0], 'v');
		assert_int_equal(name[4], '0' + (int)i);
	}
	assert_int_equal(vm_thread_id(m->vm, 3), -1);
	machine_free(m);
}

/* Input is refused from the save on, and asked for again on resume. */
static void test_frozen_input(void **state)
{
	struct machine *m = machine_new(1, RAM);
	struct buf saved = BUF_INIT;
	const uint8_t byte = 'x';

	machine_load(m, guest_halt, guest_halt_end);
	assert_int_equal(vm_serial_push(m->vm, &byte, 1), 1);
	assert_int_equal(vm_state_save(m->vm, &saved, NULL), 0);
	assert_int_equal(vm_serial_push(m->vm, &byte, 1), 0);
	assert_int_equal(m->nr_rooms, 0);
	assert_int_equal(vm_resume(m->vm), 0);
	assert_int_equal(m->nr_rooms, 1);
	assert_int_equal(vm_serial_push(m->vm, &byte, 1), 1);
	saved.bytes = 0;
	assert_int_equal(vm_state_save(m->vm, &saved, NULL), -EBUSY);
	assert_int_equal(saved.bytes, 0);
	buf_exit(&saved);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_lost),
		cmocka_unit_test(test_spinning),
		cmocka_unit_test(test_halted),
		cmocka_unit_test(test_thread_ids),
		cmocka_unit_test(test_frozen_input),
	};
	int code;

	if (machine_skip(&code))
		return code;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
