/* SPDX-License-Identifier: MIT */
/* At boot; what is done with it, later, is kern/plant.c. */
#include "kern/avx.h"

#include "work/vector.h"

#define CPUID_XSAVE (1u << 26)
#define CPUID_AVX (1u << 28)
#define CPUID_AVX512F (1u << 16)
#define CR4_OSXSAVE (1u << 18)
#define XCR0_AVX 0x07u
#define XCR0_AVX512 0xe7u

void avx_enable(struct cpu *cpu)
{
	uint32_t has = CPUID_XSAVE | CPUID_AVX, state;

	cpu->plant.vector_level = 0;
	if ((cpuid(1, 0).ecx & has) != has || cpuid(0, 0).eax < 0xd)
		return;
	state = cpuid(0xd, 0).eax;
	if ((state & XCR0_AVX) != XCR0_AVX)
		return;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	if ((state & XCR0_AVX512) == XCR0_AVX512 &&
	    (cpuid(7, 0).ebx & CPUID_AVX512F) && !xcr0_write_safe(XCR0_AVX512))
		cpu->plant.vector_level = VECTOR_AVX512;
	else if (!xcr0_write_safe(XCR0_AVX))
		cpu->plant.vector_level = VECTOR_AVX;
}
