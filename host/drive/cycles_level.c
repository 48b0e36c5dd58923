/* SPDX-License-Identifier: MIT */
/* The hypervisor above this host. Source: CPUID leaf 1 ECX bit 31 and leaf
 * 0x40000000, by the convention that all hypervisors keep. */
#include "drive/cycles_level.h"

#include <cpuid.h>
#include <string.h>

#define HYPERVISOR (1u << 31)

enum cycles_host cycles_host(void)
{
	unsigned int eax, ebx, ecx, edx, signature[3];

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & HYPERVISOR))
		return CYCLES_HOST_BARE;
	__cpuid(0x40000000, eax, signature[0], signature[1], signature[2]);
	return memcmp(signature, "TCGTCGTCGTCG", sizeof(signature))
		       ? CYCLES_HOST_VIRTUAL
		       : CYCLES_HOST_EMULATED;
}

const char *cycles_level(enum cycles_host host, bool tcg)
{
	return tcg || host != CYCLES_HOST_VIRTUAL ? "L1" : "L2";
}
