/* SPDX-License-Identifier: MIT */
/*
 * One inline function per instruction. The only inline assembly of the guest,
 * but for VMX and SVM (insn_vmx.h, insn_svm.h).
 */
#ifndef VMFERRY_GUEST_INSN_H
#define VMFERRY_GUEST_INSN_H

#include <stdint.h>

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

static inline void lfence(void)
{
	__asm__ volatile("lfence" : : : "memory");
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (uint64_t)hi << 32;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32))
			 : "memory");
}

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

/* In ring 0 only: ring 3 may see the host's. */
static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(sub));
	return r;
}

static inline uint64_t read_cr2(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	return value;
}

static inline uint64_t read_cr3(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr3, %0" : "=r"(value));
	return value;
}

static inline void write_cr3(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static inline void write_cr4(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static inline uint64_t read_cr8(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr8, %0" : "=r"(value));
	return value;
}

static inline void write_cr8(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(value) : "memory");
}

static inline void invlpg(uint64_t gva)
{
	__asm__ volatile("invlpg (%0)" : : "r"(gva) : "memory");
}

/* The hypercall page at @page, by its calling convention. Return: RAX; ~0 if
 * it does nothing. Source: TLFS 3.7. */
static inline uint64_t call_hypercall(uint64_t page, uint64_t control,
				      uint64_t input, uint64_t output)
{
	register uint64_t out __asm__("r8") = output;
	uint64_t status = ~0ull;

	__asm__ volatile("call *%4"
			 : "+a"(status), "+c"(control), "+d"(input), "+r"(out)
			 : "r"(page)
			 : "r9", "r10", "r11", "cc", "memory");
	return status;
}

#define INSN_DEBUG_REGISTER(n)                                                 \
	static inline uint64_t read_dr##n(void)                                \
	{                                                                      \
		uint64_t value;                                                \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(value));          \
		return value;                                                  \
	}                                                                      \
	static inline void write_dr##n(uint64_t value)                         \
	{                                                                      \
		__asm__ volatile("mov %0, %%dr" #n : : "r"(value));            \
	}
INSN_DEBUG_REGISTER(0)
INSN_DEBUG_REGISTER(1)
INSN_DEBUG_REGISTER(2)
INSN_DEBUG_REGISTER(3)
INSN_DEBUG_REGISTER(7)

/* Aligned, so that a constant one can be relocated by DT_RELR. */
struct __attribute__((packed, aligned(2))) descriptor_pointer {
	uint16_t limit;
	uint64_t base;
};

static inline void lgdt(const struct descriptor_pointer *p)
{
	__asm__ volatile("lgdt %0" : : "m"(*p));
}

static inline void lidt(const struct descriptor_pointer *p)
{
	__asm__ volatile("lidt %0" : : "m"(*p));
}

static inline void ltr(uint16_t selector)
{
	__asm__ volatile("ltr %0" : : "r"(selector));
}

static inline void cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void hlt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

/* Halt until an interrupt has been served. Interrupts are off before and
 * after; one that is pending already ends the halt at once. */
static inline void halt_for_interrupt(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Serve the interrupts that are pending. Interrupts are off before and after.
 * No pause: QEMU's TCG leaves the translation in it and keeps the shadow of sti. */
static inline void let_interrupts_in(void)
{
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

static inline void ud2(void)
{
	__asm__ volatile("ud2");
}

static inline void pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void compiler_barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

static inline uint64_t read_rsp(void)
{
	uint64_t value;

	__asm__ volatile("mov %%rsp, %0" : "=r"(value));
	return value;
}

/* a * b / c without overflow in between; the quotient must fit 64 bits. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t lo, hi;

	__asm__("mulq %3" : "=a"(lo), "=d"(hi) : "0"(a), "rm"(b) : "cc");
	__asm__("divq %2" : "+a"(lo), "+d"(hi) : "r"(c) : "cc");
	return lo;
}

#endif
