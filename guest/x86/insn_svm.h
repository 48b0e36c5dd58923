/* SPDX-License-Identifier: MIT */
/* The instructions of SVM. Source: AMD64 APM volume 3, chapter 4. */
#ifndef VMFERRY_GUEST_INSN_SVM_H
#define VMFERRY_GUEST_INSN_SVM_H

#include <stdint.h>

/* FS, GS, TR, LDTR and the MSRs that go with them: from the VMCB at @gpa, or
 * into it. */
static inline void vmload(uint64_t gpa)
{
	__asm__ volatile("vmload %0" : : "a"(gpa) : "memory");
}

static inline void vmsave(uint64_t gpa)
{
	__asm__ volatile("vmsave %0" : : "a"(gpa) : "memory");
}

/* The global interrupt flag: with 0 nothing interrupts, whatever RFLAGS says. */
static inline void stgi(void)
{
	__asm__ volatile("stgi" : : : "memory");
}

static inline void clgi(void)
{
	__asm__ volatile("clgi" : : : "memory");
}

#endif
