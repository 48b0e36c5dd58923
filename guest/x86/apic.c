/* SPDX-License-Identifier: MIT */
/* Local APIC and I/O APIC. Source: Intel SDM 3A, chapter 10. */
#include "x86/apic.h"

#include "x86/cpu.h"
#include "x86/tsc.h"

#define MSR_APIC_BASE 0x1bu
#define MSR_X2APIC 0x800u
#define MSR_TSC_DEADLINE 0x6e0u
#define APIC_BASE_ENABLE (1u << 11)
#define APIC_BASE_X2 (1u << 10)
#define APIC_MMIO 0xfee00000u
#define IOAPIC_MMIO 0xfec00000u
#define SVR_ENABLE 0x100u
#define ICR_ASSERT 0x4000u
#define ICR_INIT 0x500u
#define ICR_STARTUP 0x600u
#define ICR_OTHERS 0xc0000u
#define LVT_DEADLINE 0x40000u
#define CALIBRATIONS 4
#define DIVIDE_BY_1 0xbu
#define CPUID_APIC (1u << 9)
#define CPUID_X2APIC (1u << 21)
#define CPUID_DEADLINE (1u << 24)

enum apic_mode { APIC_UNKNOWN, APIC_X, APIC_X2 };

static struct {
	enum apic_mode mode;
	bool deadline; /* the timer takes TSC values */
	uint64_t ticks_per_tsc; /* else: 32.32 fixed point */
} apic;

uint32_t apic_read(uint32_t reg)
{
	if (apic.mode == APIC_X2)
		return (uint32_t)rdmsr(MSR_X2APIC + reg);
	return *(volatile uint32_t *)(uint64_t)(APIC_MMIO + reg * 16);
}

void apic_write(uint32_t reg, uint32_t value)
{
	if (apic.mode == APIC_X2)
		wrmsr(MSR_X2APIC + reg, value);
	else
		*(volatile uint32_t *)(uint64_t)(APIC_MMIO + reg * 16) = value;
}

int apic_read_safe(uint32_t reg, uint32_t *ret_value)
{
	uint64_t value;

	if (apic.mode == APIC_X2) {
		if (msr_read_safe(MSR_X2APIC + reg, &value))
			return -1;
		*ret_value = (uint32_t)value;
		return 0;
	}
	*ret_value = apic_read(reg);
	return 0;
}

int apic_write_safe(uint32_t reg, uint32_t value)
{
	if (apic.mode == APIC_X2)
		return msr_write_safe(MSR_X2APIC + reg, value);
	apic_write(reg, value);
	return 0;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return apic.mode == APIC_X2 ? id : id >> 24;
}

bool apic_present(void)
{
	return cpuid(1, 0).edx & CPUID_APIC;
}

void apic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;
	bool x2 = base & APIC_BASE_X2;

	/* CPUID may promise more than the hypervisor keeps: try. */
	if (!x2 && apic.mode != APIC_X && (cpuid(1, 0).ecx & CPUID_X2APIC))
		x2 = !msr_write_safe(MSR_APIC_BASE, base | APIC_BASE_X2);
	if (!x2)
		wrmsr(MSR_APIC_BASE, base);
	apic.mode = x2 ? APIC_X2 : APIC_X;
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

static void apic_write_icr(uint32_t id, uint32_t command)
{
	if (apic.mode == APIC_X2) {
		wrmsr(MSR_X2APIC + APIC_ICR, (uint64_t)id << 32 | command);
		return;
	}
	apic_write(APIC_ICR + 1, id << 24);
	apic_write(APIC_ICR, command);
}

void apic_send(uint32_t id, uint32_t vector)
{
	apic_write_icr(id, ICR_ASSERT | vector);
}

void apic_send_init(uint32_t id)
{
	apic_write_icr(id, ICR_ASSERT | ICR_INIT);
}

void apic_send_init_others(void)
{
	apic_write_icr(0, ICR_OTHERS | ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(uint32_t id, uint32_t page)
{
	apic_write_icr(id, ICR_ASSERT | ICR_STARTUP | page);
}

void apic_timer_start(void)
{
	if (apic.deadline) {
		apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR_TIMER);
		return;
	}
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
}

bool apic_is_x2(void)
{
	return apic.mode == APIC_X2;
}

void apic_timer_vector(uint32_t vector)
{
	apic_write(APIC_LVT_TIMER, (apic.deadline ? LVT_DEADLINE : 0) | vector);
}

uint32_t apic_count_down(uint64_t end_tsc)
{
	uint32_t left;

	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_TIMER_INITIAL, ~0u);
	do {
		pause();
		left = apic_read(APIC_TIMER_CURRENT);
	} while (rdtsc() < end_tsc);
	apic_write(APIC_TIMER_INITIAL, 0);
	return left;
}

/* Timer ticks per TSC tick. Whatever disturbs a measurement makes the TSC's
 * share longer: the largest of some ratios is the best. */
static uint64_t apic_calibrate(void)
{
	uint64_t best = 0;
	uint32_t i;

	for (i = 0; i < CALIBRATIONS; i++) {
		uint64_t start = rdtsc(), ratio;
		uint32_t left = apic_count_down(start + tsc_hz() / 2000);

		ratio = mul_div(~0u - left, 1ull << 32, rdtsc() - start);
		if (ratio > best)
			best = ratio;
	}
	return best;
}

void apic_timer_init(void)
{
	if (cpuid(1, 0).ecx & CPUID_DEADLINE) {
		apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR_TIMER);
		/* A timer without the mode drops its bit. */
		apic.deadline = apic_read(APIC_LVT_TIMER) & LVT_DEADLINE;
	}
	if (!apic.deadline)
		apic.ticks_per_tsc = apic_calibrate();
	apic_timer_start();
}

void apic_timer_arm(uint64_t tsc)
{
	uint64_t now, count;

	if (apic.deadline) {
		wrmsr(MSR_TSC_DEADLINE, tsc);
		return;
	}
	now = rdtsc();
	count = tsc > now ? tsc - now : 0;
	if (count > 1u << 31)
		count = 1u << 31; /* early: the vCPU's loop arms it again */
	count = (count * apic.ticks_per_tsc) >> 32;
	apic_write(APIC_TIMER_INITIAL, (uint32_t)count + 1);
}

void apic_timer_disarm(void)
{
	if (apic.deadline)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else
		apic_write(APIC_TIMER_INITIAL, 0);
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(uint64_t)IOAPIC_MMIO = reg;
	*(volatile uint32_t *)(uint64_t)(IOAPIC_MMIO + 16) = value;
}

void pic_mask(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void ioapic_route(uint32_t irq, uint32_t vector)
{
	/* Edge, active high, fixed, physical. */
	ioapic_write(0x10 + irq * 2 + 1, apic_id() << 24);
	ioapic_write(0x10 + irq * 2, vector);
}
