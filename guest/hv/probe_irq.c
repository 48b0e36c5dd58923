/* SPDX-License-Identifier: MIT */
/* Probes of interrupts that a vCPU sends to itself, or its timer does. */
#include "hv/probe.h"

#include "x86/apic.h"
#include "x86/tsc.h"

#define MSR_X2APIC_SELF_IPI 0x83fu
#define TIMER_US 300u

static struct cpu *const self = &cpu_boot.cpu;

/* A hypervisor that emulates ring 0 may look for interrupts in a halt only. */
static uint64_t served(uint64_t start, uint32_t taken)
{
	let_interrupts_in();
	while (probe_taken(self) == taken)
		halt_for_interrupt();
	return probe_tsc() - start;
}

static uint64_t sample_self(void)
{
	uint32_t taken = probe_taken(self);
	uint64_t start = probe_tsc();

	apic_send(self->apic_id, VECTOR_PROBE);
	return served(start, taken);
}

static const char *missing_x2apic(void)
{
	return apic_is_x2() ? NULL : "no x2apic";
}

static uint64_t sample_self_x2(void)
{
	uint32_t taken = probe_taken(self);
	uint64_t start = probe_tsc();

	wrmsr(MSR_X2APIC_SELF_IPI, VECTOR_PROBE);
	return served(start, taken);
}

/* With its interrupt pending already a vCPU does not really halt. */
static uint64_t sample_hlt_pending(void)
{
	uint64_t start;

	apic_send(self->apic_id, VECTOR_PROBE);
	start = probe_tsc();
	halt_for_interrupt();
	return probe_tsc() - start;
}

static void begin_timer(void)
{
	apic_timer_vector(VECTOR_PROBE);
}

static uint64_t arm(void)
{
	uint64_t at = rdtsc() + mul_div(tsc_hz(), TIMER_US, 1000000);

	apic_timer_arm(at);
	return at;
}

/* How long after the time that was asked for. */
static uint64_t late(uint64_t at)
{
	uint64_t now = probe_tsc();

	return now > at ? now - at : 0;
}

static uint64_t sample_hlt_wake(void)
{
	uint32_t taken = probe_taken(self);
	uint64_t at = arm();

	/* The host's own timeout ends a halt that nobody does. */
	while (probe_taken(self) == taken)
		halt_for_interrupt();
	return late(at);
}

static uint64_t sample_timer(void)
{
	uint32_t taken = probe_taken(self);
	uint64_t at = arm();

	return probe_spin(self, taken, true) ? late(at) : PROBE_END;
}

static uint64_t armed_at;

static uint64_t spin_ring3(void *arg)
{
	return probe_spin(self, *(const uint32_t *)arg, false) ? late(armed_at)
							       : PROBE_END;
}

static uint64_t sample_timer_ring3(void)
{
	uint32_t taken = probe_taken(self);

	armed_at = arm();
	return user_enter(spin_ring3, &taken);
}

const struct probe probes_irq[] = {
	{ "self_ipi", PROBE_RING0, .sample = sample_self },
	{ "self_ipi_x2apic", PROBE_RING0, missing_x2apic,
	  .sample = sample_self_x2 },
	{ "hlt_pending", PROBE_RING0, .sample = sample_hlt_pending },
	{ "hlt_wake", PROBE_RING0 | PROBE_LATE, NULL, begin_timer,
	  apic_timer_start, .sample = sample_hlt_wake },
	{ "timer_expiry", PROBE_RING0 | PROBE_LATE, NULL, begin_timer,
	  apic_timer_start, .sample = sample_timer },
	{ "timer_expiry", PROBE_RING3 | PROBE_ENTERS | PROBE_LATE, NULL,
	  begin_timer, apic_timer_start, .sample = sample_timer_ring3 },
	{ .name = NULL },
};
