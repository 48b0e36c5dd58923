/* SPDX-License-Identifier: MIT */
/* A machine under test: boots a few bytes of code and collects what it says. */
#ifndef VMFERRY_TESTS_KVM_MACHINE_H
#define VMFERRY_TESTS_KVM_MACHINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/vm.h"

#define CODE_GPA 0x100000ull
/* Where the guests keep their variables. */
#define DATA_GPA 0x200000ull

#define MACHINE_OUTPUT_BYTES (1u << 20)

enum machine_end { END_NONE, END_EXIT_PORT, END_SHUTDOWN, END_FAILED };

struct machine {
	struct vm *vm;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum machine_end end;
	uint32_t exit_value;
	char sentence[256];
	unsigned int nr_rooms;
	size_t nr_output;
	uint8_t output[MACHINE_OUTPUT_BYTES]; /* serial */
};

/* Fails the test if it cannot be made. */
struct machine *machine_new(unsigned int nr_vcpus, uint64_t ram_bytes);
/* With a dirty ring; skips the test where KVM has none. */
struct machine *machine_new_ring(unsigned int nr_vcpus, uint64_t ram_bytes,
				 unsigned int nr_entries);
void machine_free(struct machine *m);
/* Copies 32-bit code to CODE_GPA and aims vCPU 0 at it. */
void machine_load(struct machine *m, const uint8_t *code, const uint8_t *end);
/* Waits for the end, 30 s at most. */
enum machine_end machine_wait(struct machine *m);
bool machine_has_ended(struct machine *m);
/* Sleeps until the guest's 32-bit variable is at least @value. */
void machine_wait_for(struct machine *m, uint64_t gpa, uint32_t value);
uint32_t machine_peek(struct machine *m, uint64_t gpa);
void machine_poke(struct machine *m, uint64_t gpa, uint32_t value);
/* RAM and control area of @from into @to. */
void machine_copy_memory(struct machine *to, struct machine *from);

/* True, the reason printed, and main()'s exit code, if there is no KVM here:
 * 77; 0 when speaking TAP, which has its own word for it. */
bool machine_skip(int *ret_code);

/*
 * Guest code in the test's own file: GUEST(name, "assembly") defines
 * name[] and name_end[]. 32-bit, flat, interrupts off, ebx = start info.
 */
#define GUEST(name, text)                                                      \
	__asm__(".pushsection .rodata\n.code32\n.globl " #name ", " #name      \
		"_end\n" #name ":\n" text "\n" #name                           \
		"_end:\n.code64\n.popsection\n");                              \
	extern const uint8_t name[], name##_end[]

/* al -> the exit port */
#define GUEST_EXIT "mov $0x501, %dx\n out %al, (%dx)\n 99: hlt\n jmp 99b\n"

#endif
