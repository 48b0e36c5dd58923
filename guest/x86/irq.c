/* SPDX-License-Identifier: MIT */
/* Interrupts of devices: counted, and the loop told. */
#include "x86/irq.h"

#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/desc.h"
#include "x86/smp.h"

#define FIRST_QUEUE 0x48u
#define FIRST_LOUD 0xeeu

/* vectors.asm */
void irq_enter(void);

/* Code, by vector: written here, since 175 entries that differ in one byte would
 * not pack well. */
static uint64_t entries[256];

struct irq_cpu irq_cpus[IRQ_MAX_CPUS];
volatile bool irq_awaited;

/* Around those that are taken already, cpu.h. */
uint32_t irq_queue_vector(uint32_t i)
{
	uint32_t vector = FIRST_QUEUE + i;

	vector += vector >= VECTOR_UART;
	vector += vector >= VECTOR_TIMER;
	vector += vector >= VECTOR_WAKE;
	return vector;
}

uint32_t irq_loud_vector(uint32_t i)
{
	return FIRST_LOUD + i;
}

/* push vector - 128; jmp irq_enter. */
static void open_gate(uint32_t vector)
{
	uint64_t at = (uint64_t)&entries[vector];
	uint32_t distance = (uint32_t)((uint64_t)irq_enter - (at + 7));

	entries[vector] = 0x6a | (uint64_t)(uint8_t)(vector - 128) << 8 |
			  0xe9 << 16 | (uint64_t)distance << 24;
	desc_set_interrupt(vector, at);
}

void irq_open(void)
{
	uint32_t i;

	for (i = 0; i < IRQ_NR_QUEUE_VECTORS; i++)
		open_gate(irq_queue_vector(i));
	for (i = 0; i < IRQ_NR_LOUD_VECTORS; i++)
		open_gate(irq_loud_vector(i));
}

void irq_take(uint32_t vector, uint64_t tsc)
{
	struct cpu *cpu = this_cpu();

	apic_eoi();
	if (cpu->index < IRQ_MAX_CPUS) {
		struct irq_cpu *irq = &irq_cpus[cpu->index];

		irq->tsc = tsc;
		irq->taken[vector]++;
		compiler_barrier();
		irq->total++;
	}
	if (vector >= FIRST_LOUD)
		cpu->attention = 1;
	if (irq_awaited && cpu->index)
		smp_wake_first();
}

_Static_assert(FIRST_QUEUE + IRQ_NR_QUEUE_VECTORS + 3 <= FIRST_LOUD, "apart");
_Static_assert(FIRST_LOUD + IRQ_NR_LOUD_VECTORS <= VECTOR_SPURIOUS, "apart");
