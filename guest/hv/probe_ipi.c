/* SPDX-License-Identifier: MIT */
/* Probes that take two vCPUs: an interrupt to the other one, and back. */
#include "hv/probe.h"

#include "x86/apic.h"
#include "x86/smp.h"
#include "x86/tsc.h"

#define SETTLE_US 500u

volatile uint64_t probe_flush_gva;

static volatile uint32_t spinning, stop;

static const char *missing_other(void)
{
	return smp_nr_cpus() > 1 ? NULL : "no other vcpu";
}

static uint64_t send(void)
{
	struct cpu *other = smp_cpu(1);
	uint32_t taken = probe_taken(other);
	uint64_t start = probe_tsc();

	apic_send(other->apic_id, VECTOR_PROBE);
	return probe_spin(other, taken, false) ? probe_tsc() - start
					       : PROBE_END;
}

void probe_settle(void)
{
	uint64_t end = rdtsc() + mul_div(tsc_hz(), SETTLE_US, 1000000);

	while (rdtsc() < end)
		pause();
}

static uint64_t sample_halted(void)
{
	probe_settle();
	return send();
}

/* Ring 3 of the other one. */
static uint64_t spin(void *arg)
{
	(void)arg;
	spinning = 1;
	while (!stop)
		pause();
	spinning = 0;
	return 0;
}

static void job(struct cpu *cpu)
{
	(void)cpu;
	user_enter(spin, NULL);
}

static void begin_running(void)
{
	stop = 0;
	smp_post(smp_cpu(1), job);
	while (!spinning)
		pause();
}

static void undo_running(void)
{
	stop = 1;
	smp_wait(smp_cpu(1));
}

static void begin_flush(void)
{
	begin_running();
	probe_flush_gva = (uint64_t)&probe_flush_gva;
}

static void undo_flush(void)
{
	probe_flush_gva = 0;
	undo_running();
}

const struct probe probes_ipi[] = {
	{ "ipi_halted", PROBE_RING0, missing_other, .sample = sample_halted },
	{ "ipi_running", PROBE_RING0, missing_other, begin_running,
	  undo_running, .sample = send },
	{ "tlb_shootdown", PROBE_RING0, missing_other, begin_flush, undo_flush,
	  .sample = send },
	{ .name = NULL },
};
