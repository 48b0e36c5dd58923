/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts, called from entry.asm in ring 0. */
#ifndef VMFERRY_GUEST_ISR_H
#define VMFERRY_GUEST_ISR_H

#include <stdint.h>

/* As exception_common in entry.asm pushes it. */
struct exception_frame {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

void exception_handler(struct exception_frame *frame);
void irq_wake(void);
void irq_timer(void);
void irq_uart(void);
void irq_probe(void);

#endif
