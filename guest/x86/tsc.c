/* SPDX-License-Identifier: MIT */
/* TSC frequency, from the most exact source that the machine has. */
#include "x86/tsc.h"

#include "x86/apic.h"
#include "x86/cpu.h"

#define CPUID_HYPERVISOR (1u << 31)
#define KVM_SIGNATURE 0x4b4d564bu /* "KVMK" */
#define KVM_CLOCKSOURCE2 (1u << 3)
#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01u
#define PIT_HZ 1193182u
#define PIT_COUNT 4773u /* 4 ms */
#define PIT_ATTEMPTS 8u
#define TCG_SIGNATURE 0x54474354u /* "TCGT" */
#define TCG_APIC_TICKS 20000000u
#define FALLBACK_HZ 1000000000u

static uint64_t hz;

/* Source: Linux arch/x86/include/asm/pvclock-abi.h. */
static volatile struct {
	uint32_t version, pad0;
	uint64_t tsc_timestamp, system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags, pad[2];
} pvclock __attribute__((aligned(64)));

/* Leaf 0x15: crystal * numerator / denominator. */
static uint64_t tsc_from_crystal(void)
{
	struct cpuid_regs r;

	if (cpuid(0, 0).eax < 0x15)
		return 0;
	r = cpuid(0x15, 0);
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	return mul_div(r.ecx, r.ebx, r.eax);
}

/* Leaf 0x16 gives whole MHz: only better than nothing. */
static uint64_t tsc_from_base_mhz(void)
{
	if (cpuid(0, 0).eax < 0x16)
		return 0;
	return (cpuid(0x16, 0).eax & 0xffff) * 1000000ull;
}

/* Leaf 0x40000010: kHz, a convention of VMware's that KVM and QEMU share. */
static uint64_t tsc_from_hypervisor(void)
{
	if (cpuid(0x40000000, 0).eax < 0x40000010)
		return 0;
	return cpuid(0x40000010, 0).eax * 1000ull;
}

bool kvmclock_switch(bool on)
{
	if (cpuid(0x40000000, 0).ebx != KVM_SIGNATURE ||
	    !(cpuid(0x40000001, 0).eax & KVM_CLOCKSOURCE2) ||
	    msr_write_safe(MSR_KVM_SYSTEM_TIME_NEW, (uint64_t)&pvclock | on))
		return false;
	/* The page is filled when the vCPU next enters; any exit will do. */
	inb(0x61);
	return on && pvclock.tsc_to_system_mul;
}

/* @value * 2^shift: the page's scale and, the other way round, its inverse. */
static uint64_t shifted(uint64_t value, int shift)
{
	return shift < 0 ? value >> -shift : value << shift;
}

uint64_t kvmclock_ns(void)
{
	uint32_t version;
	uint64_t ns;

	do {
		version = pvclock.version;
		ns = shifted(rdtsc() - pvclock.tsc_timestamp,
			     pvclock.tsc_shift);
		ns = pvclock.system_time +
		     mul_div(ns, pvclock.tsc_to_system_mul, 1ull << 32);
	} while ((version & 1) || version != pvclock.version);
	return ns;
}

/* KVM's clock tells how it scales the TSC to nanoseconds. */
static uint64_t tsc_from_kvmclock(void)
{
	uint64_t found = 0;

	if (kvmclock_switch(true))
		found = shifted(mul_div(1000000000ull, 1ull << 32,
					pvclock.tsc_to_system_mul),
				-pvclock.tsc_shift);
	/* No more writes to our memory, please. */
	kvmclock_switch(false);
	return found;
}

/* Channel 2, one-shot; port 0x61 bit 5 is its output. Return: ticks; 0 if
 * there is no PIT. */
static uint64_t tsc_count_pit(void)
{
	uint64_t start, end;
	uint32_t turns = 0;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, PIT_COUNT & 0xff);
	start = rdtsc();
	outb(0x42, PIT_COUNT >> 8);
	while (!(inb(0x61) & 0x20))
		if (++turns > 100000)
			return 0;
	end = rdtsc();
	return turns < 10 ? 0 : end - start;
}

/* Whatever disturbs a measurement makes it longer: the shortest one is right
 * as soon as a second one agrees with it. */
static uint64_t tsc_from_pit(void)
{
	uint64_t best = 0, ticks;
	uint32_t i;

	for (i = 0; i < PIT_ATTEMPTS; i++) {
		bool agrees;

		ticks = tsc_count_pit();
		if (!ticks)
			return 0;
		agrees = best && ticks < best + best / 512 &&
			 best < ticks + ticks / 512;
		if (!best || ticks < best)
			best = ticks;
		if (agrees)
			break;
	}
	return mul_div(best, PIT_HZ, PIT_COUNT);
}

/* QEMU's own APIC timer counts nanoseconds. */
static uint64_t tsc_from_tcg_apic(void)
{
	uint64_t start, ticks;
	uint32_t left;

	if (cpuid(0x40000000, 0).ebx != TCG_SIGNATURE)
		return 0;
	start = rdtsc();
	left = apic_count_down(start + TCG_APIC_TICKS);
	ticks = rdtsc() - start;
	return mul_div(ticks, 1000000000ull, ~0u - left);
}

void tsc_init(void)
{
	if (cpuid(1, 0).ecx & CPUID_HYPERVISOR) {
		hz = tsc_from_hypervisor();
		if (!hz)
			hz = tsc_from_kvmclock();
	}
	if (!hz)
		hz = tsc_from_crystal();
	if (!hz)
		hz = tsc_from_pit();
	if (!hz)
		hz = tsc_from_tcg_apic();
	if (!hz)
		hz = tsc_from_base_mhz();
	if (!hz)
		hz = FALLBACK_HZ;
}

uint64_t tsc_hz(void)
{
	return hz;
}

uint64_t tsc_to_us(uint64_t ticks)
{
	return mul_div(ticks, 1000000, hz);
}
