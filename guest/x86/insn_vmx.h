/* SPDX-License-Identifier: MIT */
/*
 * The instructions of VMX, and those that a VMCS needs: the other half of
 * insn.h's inline assembly. Source: Intel SDM 3C, chapter 31.
 */
#ifndef VMFERRY_GUEST_INSN_VMX_H
#define VMFERRY_GUEST_INSN_VMX_H

#include <stdbool.h>
#include <stdint.h>

#include "x86/insn.h"

/* VMfailInvalid (CF) or VMfailValid (ZF): false. @gpa: the operand. */
#define INSN_VMX_REGION(name)                                                  \
	static inline bool name(uint64_t gpa)                                  \
	{                                                                      \
		bool failed;                                                   \
		__asm__ volatile(#name " %1; setna %0"                         \
				 : "=qm"(failed)                               \
				 : "m"(gpa)                                    \
				 : "cc", "memory");                            \
		return !failed;                                                \
	}
INSN_VMX_REGION(vmxon)
INSN_VMX_REGION(vmclear)
INSN_VMX_REGION(vmptrld)
#undef INSN_VMX_REGION

static inline void vmxoff(void)
{
	__asm__ volatile("vmxoff" : : : "cc", "memory");
}

/* 0 if it fails: no VMCS is current, or it has no such field. */
static inline uint64_t vmread(uint64_t encoding)
{
	uint64_t value = 0;

	__asm__ volatile("vmread %1, %0"
			 : "+r"(value)
			 : "r"(encoding)
			 : "cc", "memory");
	return value;
}

static inline bool vmwrite(uint64_t encoding, uint64_t value)
{
	bool failed;

	__asm__ volatile("vmwrite %2, %1; setna %0"
			 : "=qm"(failed)
			 : "r"(encoding), "r"(value)
			 : "cc", "memory");
	return !failed;
}

/* Hyper-V's calling convention; to whom it goes, the exits decide.
 * Source: TLFS, "Hypercall interface". */
#define INSN_HYPERCALL(name)                                                   \
	static inline uint64_t name(uint64_t control, uint64_t input,          \
				    uint64_t output)                           \
	{                                                                      \
		register uint64_t out __asm__("r8") = output;                  \
		uint64_t status;                                               \
		__asm__ volatile(#name                                         \
				 : "=a"(status), "+c"(control), "+d"(input),   \
				   "+r"(out)                                   \
				 :                                             \
				 : "r9", "r10", "r11", "cc", "memory");        \
		return status;                                                 \
	}
INSN_HYPERCALL(vmcall)
INSN_HYPERCALL(vmmcall)
#undef INSN_HYPERCALL

static inline uint64_t read_rflags(void)
{
	uint64_t value;

	__asm__ volatile("pushfq; pop %0" : "=r"(value) : : "memory");
	return value;
}

static inline uint64_t read_cr0(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static inline void write_cr0(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline void sidt(struct descriptor_pointer *p)
{
	__asm__ volatile("sidt %0" : "=m"(*p));
}

#endif
