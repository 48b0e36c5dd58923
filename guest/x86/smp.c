/* SPDX-License-Identifier: MIT */
/* Start-up and jobs of the vCPUs. Source: Intel SDM 3A, 8.4. */
#include "x86/smp.h"

#include "kern/worker.h"
#include "x86/apic.h"
#include "x86/desc.h"
#include "x86/tsc.h"

#define START_ATTEMPTS 40
#define START_WAIT_MS 25

extern uint8_t trampoline_start[], trampoline_end[], trampoline_gdtr[];
extern uint8_t trampoline_far[], trampoline_cr3[], trampoline_entry[];
void ap_entry(void);
void ap_main(struct cpu *cpu);

/* trampoline.asm reads these two: APIC ID -> index, 0 = not expected. */
uint8_t smp_index[256];
uint64_t smp_areas;

static uint32_t nr_cpus = 1;

uint32_t smp_nr_cpus(void)
{
	return nr_cpus;
}

struct cpu *smp_cpu(uint32_t index)
{
	if (!index)
		return &cpu_boot.cpu;
	return (struct cpu *)(smp_areas + (index - 1ull) * CPU_BYTES);
}

void smp_init(const uint8_t *ids, uint32_t nr, uint64_t areas)
{
	uint32_t i, index = 1, own = apic_id();

	smp_areas = areas;
	cpu_boot.cpu.apic_id = own;
	cpu_boot.cpu.online = 1;
	for (i = 0; i < nr && index < nr; i++) {
		if (ids[i] == own)
			continue;
		smp_cpu(index)->index = index;
		smp_cpu(index)->apic_id = ids[i];
		smp_index[ids[i]] = (uint8_t)index;
		index++;
	}
	nr_cpus = index;
}

static void put32(uint64_t page, const uint8_t *label, uint32_t value)
{
	*(uint32_t *)(page + (uint64_t)(label - trampoline_start)) = value;
}

static void trampoline_install(uint64_t page)
{
	const uint64_t *from = (const uint64_t *)trampoline_start;
	uint64_t *to = (uint64_t *)page;

	while ((const uint8_t *)from < trampoline_end)
		*to++ = *from++;
	put32(page, trampoline_gdtr + 2,
	      (uint32_t)page + *(uint32_t *)(trampoline_gdtr + 2));
	put32(page, trampoline_far,
	      (uint32_t)page + *(uint32_t *)trampoline_far);
	put32(page, trampoline_cr3, (uint32_t)read_cr3());
	put32(page, trampoline_entry, (uint32_t)(uint64_t)ap_entry);
}

static uint32_t nr_online(void)
{
	uint32_t i, nr = 0;

	for (i = 0; i < nr_cpus; i++)
		nr += smp_cpu(i)->online;
	return nr;
}

/* Halt until all are up or some time is over: each one wakes us. */
static bool wait_for_all(void)
{
	uint64_t end = rdtsc() + tsc_hz() / 1000 * START_WAIT_MS;

	while (nr_online() < nr_cpus) {
		if (rdtsc() >= end)
			return false;
		apic_timer_arm(end);
		halt_for_interrupt();
	}
	return true;
}

uint32_t smp_start(uint64_t trampoline)
{
	uint32_t i, attempt;

	if (nr_cpus == 1)
		return 1;
	trampoline_install(trampoline);
	for (i = 1; i < nr_cpus; i++)
		apic_send_init(smp_cpu(i)->apic_id);
	for (attempt = 0; attempt < START_ATTEMPTS; attempt++) {
		for (i = 1; i < nr_cpus; i++)
			if (!smp_cpu(i)->online && attempt < 2)
				apic_send_startup(smp_cpu(i)->apic_id,
						  (uint32_t)(trampoline >> 12));
		if (wait_for_all())
			break;
	}
	/* The oracle wants vCPUs 0..n - 1: use those before the first gap. */
	for (i = 1; i < nr_cpus && smp_cpu(i)->online; i++)
		;
	nr_cpus = i;
	return nr_cpus;
}

/* The first C of the other vCPUs, from trampoline.asm. */
void ap_main(struct cpu *cpu)
{
	desc_load(cpu);
	apic_init();
	apic_timer_start();
	worker_init(cpu);
	cpu->online = 1;
	smp_wake_first();
	worker_loop(cpu);
}

void smp_post(struct cpu *cpu, void (*fn)(struct cpu *cpu))
{
	cpu->job = fn;
	compiler_barrier();
	cpu->job_wanted++;
	apic_send(cpu->apic_id, VECTOR_WAKE);
}

void smp_wait(const struct cpu *cpu)
{
	while (cpu->job_done != cpu->job_wanted)
		halt_for_interrupt();
}

void smp_call_all(void (*fn)(struct cpu *cpu))
{
	uint32_t i;

	for (i = 1; i < nr_cpus; i++)
		smp_post(smp_cpu(i), fn);
	fn(&cpu_boot.cpu);
	for (i = 1; i < nr_cpus; i++)
		smp_wait(smp_cpu(i));
}

void smp_take_job(struct cpu *cpu)
{
	uint64_t wanted = cpu->job_wanted;

	if (cpu->job_done == wanted)
		return;
	compiler_barrier();
	cpu->job(cpu);
	compiler_barrier();
	cpu->job_done = wanted;
	smp_wake_first();
}

void smp_wake_first(void)
{
	apic_send(cpu_boot.cpu.apic_id, VECTOR_WAKE);
}
